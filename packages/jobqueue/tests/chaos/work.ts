/** The queue under chaos: mixed work whose handlers write records of their own. Every process of a world makes it. */
import {
  cancelJob,
  continueWith,
  createQueue,
  defineJob,
  defineSchedule,
  type JobContext,
  NonRetryableError,
  PostponedError,
  RetryAfterError,
} from '@conversure/jobqueue';
import type { Database } from '@conversure/jobqueue/postgres';
import { z } from 'zod';
import type { Entry, HandlerEnd } from './records.ts';

export const MODES = [
  'ok',
  'slow',
  'fail',
  'retry_after',
  'doomed',
  'fatal',
  'slices',
  'checkpoints',
  'cancel',
  'deaf',
  'patient',
] as const;
export type Mode = (typeof MODES)[number];

/** Modes whose jobs end as dead letters by themselves. */
export const ENDS_DEAD: readonly string[] = ['doomed', 'fatal'] satisfies Mode[];

const payload = z.object({ token: z.string(), mode: z.enum(MODES), n: z.number() });
export type Work = z.infer<typeof payload>;

/** Small enough that a queue of hundreds is limited all the time, and less than the hold of a token gate would hide. */
export const LIMIT = { perSecond: 15, burst: 8 };

/** All jobs of schedules carry it: each slot has one. */
export const SCHEDULED = 'scheduled';

/** Seconds within which every job must end that is not stopped, ms. Short, so that a lease is, too. */
export const TIMEOUT_MS = 3_000;

/** A run that is cancelled in its first tenths of a second would end long after its signal has fired. */
const PATIENT_MS = 2_900;

/** Hears the facts of the handlers, and knows the tick in which they run. */
export interface Recorder {
  write(entry: Entry): void;
  readonly tick: number;
}

/** The shortest retention that there is. */
const LITTLE = { completed: '1m', deadLetter: '1m', cancelled: '1m', ledger: '1m' } as const;

/** The queue; `recorder`: null in a process that runs no handlers. */
export function chaosQueue(database: Database, recorder: Recorder | null, { keepsLittle = false } = {}) {
  const handler = async () => ({
    run: async (context: JobContext<Work>) => {
      if (recorder === null) throw new Error('this process runs no handlers');
      return perform(context, recorder);
    },
  });
  return createQueue({
    database,
    maxDurationMs: 60_000,
    ...(keepsLittle && { keyWindowMs: 60_000, retention: LITTLE }),
    logJobs: 'none',
    log: () => undefined, // failures are what this is about, and conservation sees their effects
    jobs: [
      defineJob({ type: 'plain', payload, timeout: TIMEOUT_MS, handler }),
      defineJob({ type: 'urgent', payload, timeout: TIMEOUT_MS, priority: 7, handler }),
      defineJob({ type: 'long', payload, timeout: TIMEOUT_MS, resumable: true, handler }),
      defineJob({ type: 'limited', payload, timeout: TIMEOUT_MS, rateLimit: LIMIT, handler }),
    ],
    schedules: [
      defineSchedule({
        name: 'minutely',
        cron: '* * * * *',
        timeZone: 'UTC',
        type: 'plain',
        payload: { token: SCHEDULED, mode: 'ok', n: 0 },
      }),
    ],
  });
}

export type ChaosQueue = ReturnType<typeof chaosQueue>;

async function perform(context: JobContext<Work>, recorder: Recorder): Promise<unknown> {
  const { job, payload, signal } = context;
  const run = { job: job.id, fence: job.fence, tick: recorder.tick };
  const done = (job.state as { done: number } | null)?.done ?? 0;
  const slot = job.schedule?.slot.toISOString() ?? null;
  recorder.write({ what: 'begin', ...run, type: job.type, token: payload.token, attempt: job.attempt, done, slot });
  const ends = (outcome: HandlerEnd, at: number) => recorder.write({ what: 'end', ...run, outcome, done: at });
  try {
    const { outcome, value, at } = await behave(context, done, (saved) =>
      recorder.write({ what: 'saved', ...run, done: saved }),
    );
    ends(signal.aborted ? 'late' : outcome, at);
    return value;
  } catch (error) {
    ends(signal.aborted ? 'aborted' : error instanceof PostponedError ? 'postponed' : 'failed', done);
    throw error;
  }
}

interface Behaviour {
  readonly outcome: HandlerEnd;
  readonly value: unknown;
  readonly at: number;
}

async function behave(
  { payload: { mode, n }, job, signal, checkpoint }: JobContext<Work>,
  done: number,
  saved: (done: number) => void,
): Promise<Behaviour> {
  const ok = (at = done): Behaviour => ({ outcome: 'ok', value: { done: at }, at });
  switch (mode) {
    case 'ok':
      return ok();
    case 'slow':
      await sleep(100 * (n + 1), signal);
      return ok();
    case 'patient':
      await sleep(PATIENT_MS, signal);
      return ok();
    case 'fail':
      if (job.attempt <= n % 3) throw new Error('not yet'); // the last of its three attempts succeeds
      return ok();
    case 'retry_after':
      if (job.attempt === 1) throw new RetryAfterError('busy', 1_000);
      return ok();
    case 'doomed':
      throw new Error('never');
    case 'fatal':
      throw new NonRetryableError('no use');
    case 'slices':
      if (done >= n) return ok();
      return { outcome: 'continued', value: continueWith({ done: done + 1 }), at: done + 1 };
    case 'checkpoints':
      for (let at = done + 1; at <= n + 1; at++) {
        await sleep(100, signal);
        await checkpoint({ done: at });
        saved(at);
      }
      return ok(n + 1);
    case 'cancel':
      return { outcome: 'cancelled', value: cancelJob('not wanted any more'), at: done };
    case 'deaf':
      if (job.attempt === 1) await sleep(TIMEOUT_MS + 1_000, null);
      return ok();
  }
}

function sleep(ms: number, signal: AbortSignal | null): Promise<void> {
  return new Promise((resolve, refuse) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      refuse(signal.reason);
    });
  });
}
