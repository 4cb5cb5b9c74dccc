/** What a drain says about its jobs, one event each, when Postgres has confirmed what became of them. Never a payload, a result or a state. */

import type { Log } from '../core/log.ts';
import { type TellableError, tellable } from '../core/scrub-error.ts';
import type { Ended, Held } from './execution.ts';

/** `failures`: what somebody may have to look at. `all`: starts and successes too, two lines a job. */
export type LogJobs = 'none' | 'failures' | 'all';

export interface JobLog {
  readonly started?: (held: Held) => void;
  settled(ended: Ended): void;
  lost(held: Held): void;
  /** Nobody knows whether its outcome is stored. */
  unconfirmed(held: Held): void;
  /** Convicted by the database: only their ids are known here. */
  crashed(ids: readonly string[]): void;
}

/** Null if nobody wants to hear: then a drain has nothing to ask for each job. */
export function jobLog(log: Log, wanted: LogJobs, drain: string): JobLog | null {
  if (wanted === 'none') return null;
  const all = wanted === 'all';
  return {
    ...(all && { started: (held: Held) => log('debug', 'job_started', fieldsOf(held, drain)) }),
    settled(ended) {
      const { held, settlement } = ended;
      switch (settlement.to) {
        case 'completed':
          if (all) log('info', 'job_completed', { ...fieldsOf(held, drain), ...timesOf(held) });
          return;
        case 'continue':
          if (all) log('info', 'job_continued', { ...fieldsOf(held, drain), ...timesOf(held) });
          return;
        case 'give_back':
          if (all && settlement.interrupted)
            log('info', 'job_given_back', { ...fieldsOf(held, drain), ...timesOf(held) });
          return;
        case 'cancelled':
          if (all) log('info', 'job_cancelled', { ...fieldsOf(held, drain), ...timesOf(held) });
          return;
        case 'retry':
          return log('warn', 'job_failed', {
            ...fieldsOf(held, drain),
            ...timesOf(held),
            willRetryInMs: Math.round(settlement.delayMs),
            ...errorOf(tellable(settlement.error, held.data)),
          });
        case 'dead_letter':
          return log('error', 'job_dead_lettered', {
            ...fieldsOf(held, drain),
            ...timesOf(held),
            ...errorOf(tellable(settlement.error, held.data)),
          });
      }
    },
    lost: (held) => log('warn', 'job_lost', fieldsOf(held, drain)),
    unconfirmed: (held) => log('warn', 'job_unconfirmed', fieldsOf(held, drain)),
    crashed(ids) {
      for (const job of ids) log('error', 'job_dead_lettered', { drain, job, ...errorOf(CRASHED) });
    },
  };
}

const CRASHED: TellableError = {
  name: 'CrashedError',
  code: 'crashed',
  message: 'the functions that ran this job died three times',
};

function fieldsOf({ claimed, counters }: Held, drain: string): Record<string, unknown> {
  const { id: job, type, queue, fence } = claimed;
  return { drain, job, type, queue, attempt: counters.attempt, fence };
}

/** Flat, so that no logger takes it for something thrown. */
function errorOf({ name, message, code }: TellableError): Record<string, string> {
  return { errorName: name, errorMessage: message, ...(code !== undefined && { errorCode: code }) };
}

/** `waitedMs` compares the database's clock with this process's: good to what the two differ by. */
function timesOf(held: Held): Record<string, number> {
  const { startedAtMs, endedAtMs, claimed } = held;
  if (startedAtMs === null || endedAtMs === null) return {};
  const startedAt = Date.now() - (performance.now() - startedAtMs);
  return {
    ranMs: Math.round(endedAtMs - startedAtMs),
    waitedMs: Math.max(0, Math.round(startedAt - Date.parse(claimed.dueAt))),
  };
}
