/** The jobs of the simulated queue, and the witness of what their handlers did. */
import { z } from 'zod';
import {
  cancelJob,
  continueWith,
  createQueue,
  defineJob,
  defineSchedule,
  type JobContext,
  NonRetryableError,
  RetryAfterError,
} from '../../src/index.ts';
import { inhabitant } from './clock.ts';
import type { SimulatedProcess } from './process.ts';

export const MODES = [
  'noop',
  'sleep',
  'fail',
  'retry_after',
  'fatal',
  'slices',
  'checkpoints',
  'cancel',
  'deaf',
] as const;

const payload = z.object({ mode: z.enum(MODES).default('noop'), n: z.number().default(0) });
type Work = z.infer<typeof payload>;

/** One run of a handler. */
export interface Run {
  readonly id: string;
  readonly type: string;
  readonly fence: number;
  readonly process: SimulatedProcess;
  readonly startedAtMs: number;
  readonly isDeaf: boolean;
  /** Its function has not returned. */
  isRunning: boolean;
}

/** Told of every start of a handler. */
export interface Witness {
  started(run: Run): void;
}

/** A burst that holds more than it wants at once, so that a drain returns tokens. */
export const LIMIT = { perSecond: 1, burst: 12 };

const witnesses = new WeakMap<SimulatedProcess, Witness>();

async function perform(context: JobContext<Work>): Promise<unknown> {
  const process = inhabitant() as SimulatedProcess;
  const { job } = context;
  const run: Run = {
    id: job.id,
    type: job.type,
    fence: job.fence,
    process,
    startedAtMs: process.clock.nowMs,
    isDeaf: context.payload.mode === 'deaf',
    isRunning: true,
  };
  witnesses.get(process)?.started(run);
  try {
    return await behave(context);
  } finally {
    run.isRunning = false;
  }
}

async function behave({ payload: { mode, n }, job, signal, checkpoint }: JobContext<Work>): Promise<unknown> {
  const done = (job.state as { done: number } | null)?.done ?? 0;
  switch (mode) {
    case 'noop':
      return null;
    case 'sleep':
      await until(300 * (n + 1), signal);
      return { slept: true };
    case 'fail':
      if (job.attempt <= n) throw new Error('not yet');
      return null;
    case 'retry_after':
      if (job.attempt === 1) throw new RetryAfterError('busy', 3_000);
      return null;
    case 'fatal':
      throw new NonRetryableError('no use');
    case 'slices':
      return done >= n ? { done } : continueWith({ done: done + 1 });
    case 'checkpoints':
      for (let at = done + 1; at <= n + 1; at++) {
        await until(200, signal);
        await checkpoint({ done: at });
      }
      return null;
    case 'cancel':
      return cancelJob('not wanted any more');
    case 'deaf':
      await until(5_000 * (n + 1), null);
      return null;
  }
}

function until(ms: number, signal: AbortSignal | null): Promise<void> {
  return new Promise((resolve, refuse) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      refuse(signal.reason);
    });
  });
}

const handler = async () => ({ run: perform });

/** Anew for each process, which loads its handlers itself. */
const jobs = () => [
  defineJob({ type: 'plain', payload, timeout: 8_000, handler }),
  defineJob({
    type: 'urgent',
    payload,
    timeout: 8_000,
    priority: 7,
    onCompleted: 'after',
    onDeadLetter: 'after',
    handler,
  }),
  defineJob({ type: 'after', payload: payload.extend({ id: z.string() }), timeout: 8_000, handler }),
  defineJob({ type: 'long', payload, timeout: 20_000, resumable: true, handler }),
  defineJob({ type: 'limited', payload, timeout: 8_000, rateLimit: LIMIT, handler }),
];

const SCHEDULES = [
  defineSchedule({ name: 'minutely', cron: '* * * * *', timeZone: 'UTC', type: 'plain', payload: { mode: 'noop' } }),
];

export const TYPES = ['plain', 'urgent', 'long', 'limited'] as const;

/** The longest that a drain of the simulation works, ms. */
export const MAX_DURATION_MS = 40_000;

export type SimulatedQueue = ReturnType<typeof simulatedQueue>;

/** The queue of a process. */
export function simulatedQueue(process: SimulatedProcess, witness: Witness) {
  witnesses.set(process, witness);
  return createQueue({
    database: process.database,
    jobs: jobs(),
    schedules: SCHEDULES,
    maxDurationMs: MAX_DURATION_MS,
    logJobs: 'none',
    log: () => undefined, // failures are part of the simulation, and the model sees their effects
  });
}
