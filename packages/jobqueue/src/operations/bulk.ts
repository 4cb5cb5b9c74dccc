/** Operations in bulk, slice by slice: each one statement, atomic, and safe to repeat. Nothing is kept between them. */

import { isSerializationFailure } from '../core/sqlstate.ts';
import type { Executor } from '../postgres/database.ts';
import { audit, type SliceAnswer, slice } from '../postgres/statements/controls.ts';

/** An exchange holds rows for milliseconds; what is still locked after so many passes is held by something else. */
const MOST_PASSES = 20;
/** Before a further pass: long enough for the exchanges that held rows to end. */
const PASS_PAUSE_MS = 50;
/** A slice never waits for a job's row, but a replay waits for idempotency keys, like an enqueue. */
const TRIES = 3;

/** Options of operations that work in slices of 500 jobs. */
export interface BulkOptions {
  /** Ends the operation after the slice under way; what is done stays done. */
  readonly signal?: AbortSignal;
  /** Called after each slice with the counts so far. */
  readonly onProgress?: (progress: { readonly changed: number; readonly skipped: number }) => void;
}

/** The result of an operation that works in slices. */
export interface BulkReport {
  /** The id of its entry in the audit log. */
  readonly operation: string;
  readonly changed: number;
  /** Met, but left as they are. */
  readonly skipped: number;
  /** `false`: it was stopped by its signal, or rows stayed locked. The same call again does the rest. */
  readonly done: boolean;
}

export interface BulkCall {
  /** As its SQL function and the audit log name it until the next protocol. */
  readonly action: 'cancel' | 'reschedule' | 'reprioritise' | 'replay';
  readonly filterJson: string;
  /** With the actor; what else belongs to the action. */
  readonly options: Readonly<Record<string, unknown>> & { readonly actor: string };
}

/** Runs slices until nothing is left that the filter means. Rejects with the database's error; then the same call does the rest. */
export async function inSlices(executor: Executor, call: BulkCall, options: BulkOptions): Promise<SliceAnswer> {
  const { signal, onProgress } = options;
  signal?.throwIfAborted();
  let before = await sliceAfter(executor, call, null);
  for (;;) {
    onProgress?.({ changed: before.changed, skipped: before.skipped });
    if (before.done) return before;
    if (signal?.aborted || before.pass > MOST_PASSES) break;
    const next = await sliceAfter(executor, call, before);
    if (next.pass > before.pass) await pause(PASS_PAUSE_MS);
    before = next;
  }
  const { operation, changed, skipped } = before;
  await audit(executor, {
    actor: call.options.actor,
    action: `${call.action}.unfinished`,
    details: { operation, changed, skipped },
  });
  return before;
}

async function sliceAfter(executor: Executor, call: BulkCall, progress: SliceAnswer | null): Promise<SliceAnswer> {
  for (let tries = 1; ; tries++) {
    try {
      return await slice(executor, call, progress);
    } catch (error) {
      if (tries === TRIES || !isSerializationFailure(error)) throw error;
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
