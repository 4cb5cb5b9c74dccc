/** The statement that prunes one slice. */

import type { Retention } from '../../core/retention.ts';
import type { Executor } from '../database.ts';
import { only } from './rows.ts';

export interface Pruned {
  readonly completed: number;
  readonly deadLettered: number;
  readonly cancelled: number;
  /** Idempotency keys that no longer held. */
  readonly keys: number;
  /** Ledger rows. */
  readonly drains: number;
  /** Rollups that were folded into others, or deleted. */
  readonly rollups: number;
}

/** Null if nothing was due, or another is at it, unless it `waits`. `again`: from the start, whether due or not. */
export async function pruneSlice(
  executor: Executor,
  retention: Retention,
  options: { again?: boolean; waits?: boolean } = {},
): Promise<(Pruned & { readonly more: boolean }) | null> {
  const rows = await executor.execute<{ answer: (Pruned & { readonly more: boolean }) | null }>({
    text: 'select jobqueue.prune_1($1::jsonb) as answer',
    params: [JSON.stringify({ ...retention, ...options })],
  });
  return only(rows).answer;
}
