/** Lets a job wait for a remote system that does not answer or that an operator has to mend, without using up an attempt. */

import { type Continue, continueWith, type JobContext } from '@conversure/jobqueue';
import type { Executor } from '@conversure/jobqueue/postgres';
import { type Connection, noteOutage, pauseConnection } from './connection.ts';

/** First wait 1 s, doubled with each call without answer: a minute's outage is noticed as over within seconds of its end. */
const FIRST_WAIT_MS = 1_000;
/** One call a minute and bucket harms nobody, and recovery needs no person. */
const LONGEST_WAIT_MS = 60_000;
/** After a day it is no outage any more: somebody has to look. */
const GIVE_UP_MS = 24 * 3_600_000;
/** The interval at which jobs of a paused connection check again: a resumed connection works within five minutes. */
const PAUSED_MS = 5 * 60_000;

export interface Outage {
  /** The rate-limit bucket that all calls of this connection take from: it gives nothing until the wait is over. */
  readonly bucket: string;
  /** The state that the job continues from. */
  readonly state: unknown;
  /** The error, without secrets. */
  readonly error: Error;
}

/**
 * The remote system does not answer (5xx, reset, timeout): holds all calls of `bucket` back and brings the job again after
 * that, with its attempts untouched. After a day without any answer the connection is paused.
 */
export async function waitOut<Payload>(
  { rateLimit }: Pick<JobContext<Payload>, 'rateLimit'>,
  database: Executor,
  connection: Connection,
  { bucket, state, error }: Outage,
): Promise<Continue> {
  const { failures, forMs } = await noteOutage(database, connection);
  if (forMs > GIVE_UP_MS) {
    await pauseConnection(database, connection, { code: 'no_answer', reason: `no answer for a day: ${error.message}` });
    return waitForOperator(state);
  }
  const delayMs = Math.min(FIRST_WAIT_MS * 2 ** Math.min(failures - 1, 10), LONGEST_WAIT_MS);
  await rateLimit.blockUntil(bucket, { delayMs });
  return continueWith(state, { delayMs: withJitter(delayMs) });
}

/** The connection is paused: the job looks again later, with its attempts untouched. */
export function waitForOperator(state: unknown): Continue {
  return continueWith(state, { delayMs: withJitter(PAUSED_MS) });
}

/** Up to a tenth later, so that what waited does not come back as one crowd. */
function withJitter(ms: number): number {
  return Math.round(ms * (1 + Math.random() * 0.1));
}
