/** Parents in flows: whether they wait, and what they read of those that they waited for. */

import type { Child } from '../core/job.ts';
import type { Executor } from '../postgres/database.ts';
import { childrenAfter } from '../postgres/statements/flows.ts';

/** Results of 64 KiB each: a page stays far below what the HTTP driver carries. */
const PAGE = 100;

/** Postgres has `waits_for_children()` for when such a job is due: behind everything that can be asked for. */
const WAITS_FROM_MS = Date.UTC(9999, 0, 1);

/** True if a live job with this due time waits for its children. */
export function waitsForChildren(dueMs: number): boolean {
  return dueMs >= WAITS_FROM_MS;
}

/** Children by id, page by page. */
export async function* childrenOf(executor: Executor, parent: string): AsyncGenerator<Child> {
  for (let after = '0'; ; ) {
    const page = await childrenAfter(executor, parent, after, PAGE);
    yield* page;
    if (page.length < PAGE) return;
    after = (page.at(-1) as Child).id;
  }
}
