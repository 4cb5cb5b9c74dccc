/** The longest wait for an answer of Postgres: every default, with its reason. */
import type { Executor } from './database.ts';

/** In ms. A statement that passes its deadline has an unknown outcome, and its connection is destroyed. */
export const DEADLINES_MS = {
  /** Every statement that names no other. The slowest of ours take seconds; the function is billed while it waits. */
  statement: 30_000,
  /** A caller's request waits for it. Ours take milliseconds, a suspended database a second, a key in another's
   * open transaction 3 s. */
  enqueue: 10_000,
  /** Screens, metrics, health and look-ups: bounded probes, whose callers prefer to ask again. */
  read: 10_000,
  /** Makes a failed transaction's error wait; the server rolls back by itself once the connection is gone. */
  rollback: 5_000,
} as const;

/** So long without a word, and the network is asked whether the other side is still there. Systems wait two hours by default. */
export const KEEP_ALIVE_MS = 10_000;

/** The same executor, with another default. */
export function withDeadline(executor: Executor, timeoutMs: number): Executor {
  return { execute: (statement, options) => executor.execute(statement, { timeoutMs, ...options }) };
}
