/** Two statements that meet, in the order that races need: what one of them reads is older than what the other commits. */
import type { Database, Executor } from '@conversure/jobqueue/postgres';
import { vi } from 'vitest';

/** Runs `other` inside the transaction of `one`, which commits once `other` waits for a lock of it. Answers both. */
export async function atOnce<One, Other>(
  database: Database,
  one: (executor: Executor) => Promise<One>,
  other: (executor: Executor) => Promise<Other>,
): Promise<readonly [One, Other]> {
  const { first, second } = await database.transaction(async (transaction) => {
    const first = await one(transaction);
    const second = other(database);
    second.catch(() => undefined); // whoever awaits it below is told; until then it may have failed already
    await vi.waitFor(async () => {
      const waiting = await database.execute({ text: WAITING, params: [] });
      if (waiting.length === 0) throw new Error('expected the second statement to wait for a lock of the first');
    });
    return { first, second }; // not the second's answer: it comes once this commits
  });
  return [first, await second];
}

const WAITING = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
