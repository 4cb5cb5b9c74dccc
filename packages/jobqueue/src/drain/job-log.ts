/** Logs a drain's jobs, one event each, once Postgres has confirmed the outcome. Never a payload, a result or a state. */

import type { Log } from '../core/log.ts';
import { type ScrubbedError, scrubError } from '../core/scrub-error.ts';
import type { Ended, Execution } from './execution.ts';

/** `failures`: what somebody may have to look at. `all`: starts and successes too, two lines a job. */
export type LogJobs = 'none' | 'failures' | 'all';

export interface JobLog {
  readonly started?: (execution: Execution) => void;
  settled(ended: Ended): void;
  lost(execution: Execution): void;
  /** Nobody knows whether its outcome is stored. */
  unconfirmed(execution: Execution): void;
  /** Convicted by the database: only their ids are known here. */
  crashed(ids: readonly string[]): void;
}

/** Null if nobody wants to hear: then a drain has nothing to ask for each job. */
export function jobLog(log: Log, wanted: LogJobs, drain: string): JobLog | null {
  if (wanted === 'none') return null;
  const all = wanted === 'all';
  return {
    ...(all && { started: (execution: Execution) => log('debug', 'job_started', fieldsOf(execution, drain)) }),
    settled(ended) {
      const { execution, settlement } = ended;
      switch (settlement.to) {
        case 'completed':
          if (all) log('info', 'job_completed', { ...fieldsOf(execution, drain), ...timesOf(execution) });
          return;
        case 'continue':
          if (all) log('info', 'job_continued', { ...fieldsOf(execution, drain), ...timesOf(execution) });
          return;
        case 'give_back':
          if (all && settlement.interrupted)
            log('info', 'job_given_back', { ...fieldsOf(execution, drain), ...timesOf(execution) });
          return;
        case 'cancelled':
          if (all) log('info', 'job_cancelled', { ...fieldsOf(execution, drain), ...timesOf(execution) });
          return;
        case 'retry':
          return log('warn', 'job_failed', {
            ...fieldsOf(execution, drain),
            ...timesOf(execution),
            willRetryInMs: Math.round(settlement.delayMs),
            ...errorOf(scrubError(settlement.error, execution.data)),
          });
        case 'dead_letter':
          return log('error', 'job_dead_lettered', {
            ...fieldsOf(execution, drain),
            ...timesOf(execution),
            ...errorOf(scrubError(settlement.error, execution.data)),
          });
      }
    },
    lost: (execution) => log('warn', 'job_lost', fieldsOf(execution, drain)),
    unconfirmed: (execution) => log('warn', 'job_unconfirmed', fieldsOf(execution, drain)),
    crashed(ids) {
      for (const job of ids) log('error', 'job_dead_lettered', { drain, job, ...errorOf(CRASHED) });
    },
  };
}

/** Says that a type's own backoff failed. A mistake in the code of the app, so it is logged whatever jobs are. */
export function logRetryProblem(log: Log, { execution, settlement }: Ended, drain: string): void {
  if (settlement.to !== 'retry' || settlement.problem === undefined) return;
  log('warn', 'retry_policy_failed', {
    ...fieldsOf(execution, drain),
    willRetryInMs: Math.round(settlement.delayMs),
    ...errorOf(scrubError(settlement.problem, execution.data)),
  });
}

const CRASHED: ScrubbedError = {
  name: 'CrashedError',
  code: 'crashed',
  message: 'the functions that ran this job died three times',
};

function fieldsOf({ claimed, counters }: Execution, drain: string): Record<string, unknown> {
  const { id: job, type, queue, fence } = claimed;
  return { drain, job, type, queue, attempt: counters.attempt, fence };
}

/** Flat, so that no logger takes it for something thrown. */
function errorOf({ name, message, code }: ScrubbedError): Record<string, string> {
  return { errorName: name, errorMessage: message, ...(code !== undefined && { errorCode: code }) };
}

/** `waitedMs` compares the database's clock with this process's: good to what the two differ by. */
function timesOf(execution: Execution): Record<string, number> {
  const { startedAtMs, endedAtMs, claimed } = execution;
  if (startedAtMs === null || endedAtMs === null) return {};
  const startedAt = Date.now() - (performance.now() - startedAtMs);
  return {
    ranMs: Math.round(endedAtMs - startedAtMs),
    waitedMs: Math.max(0, Math.round(startedAt - Date.parse(claimed.dueAt))),
  };
}
