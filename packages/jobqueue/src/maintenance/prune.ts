/** Deletes what is past its retention, slice by slice: as a maintenance task of drains, and for operators. */

import { LIMITS } from '../core/limits.ts';
import { number } from '../core/options.ts';
import type { Retention } from '../core/retention.ts';
import type { Executor } from '../postgres/database.ts';
import { type Pruned, pruneSlice } from '../postgres/statements/prune.ts';
import type { MaintenanceTask } from './maintenance.ts';

/** A drain with nothing else to do stays this much longer for a backlog; what is left then is the next one's. */
const CHORE_MS = 10_000;
const BUDGET_MS = 60_000;

/** The first slice goes with an exchange, as does measuring how long runs take; only a backlog makes statements of its own. */
export function pruneTask(retention: Retention): MaintenanceTask {
  return {
    name: 'upkeep',
    request: () => retention,
    async run(_answer, { executor, untilMs }) {
      const endAtMs = performance.now() + CHORE_MS;
      while (performance.now() < Math.min(endAtMs, untilMs())) {
        const slice = await pruneSlice(executor, retention);
        if (!slice?.more) return;
      }
    },
  };
}

/** Numbers of deleted rows. `done` is false if the time budget ended first. */
export interface PruneReport extends Pruned {
  /** Everything past its retention is gone; else time was up. */
  readonly done: boolean;
}

/** Prunes from the start until everything is done or the budget is used up. Throws QueueError `option_invalid`. */
export async function prune(executor: Executor, retention: Retention, budgetMs = BUDGET_MS): Promise<PruneReport> {
  number('budgetMs', budgetMs, { min: 1, max: LIMITS.timeoutMs }, { call: 'prune' });
  const endAtMs = performance.now() + budgetMs;
  let total: PruneReport = { completed: 0, deadLettered: 0, cancelled: 0, keys: 0, drains: 0, rollups: 0, done: false };
  for (let again = true; !total.done && (again || performance.now() < endAtMs); again = false) {
    const slice = await pruneSlice(executor, retention, { again, waits: true });
    if (slice) total = plus(total, slice);
    total = { ...total, done: !slice?.more };
  }
  return total;
}

function plus(total: PruneReport, slice: Pruned): PruneReport {
  return {
    ...total,
    completed: total.completed + slice.completed,
    deadLettered: total.deadLettered + slice.deadLettered,
    cancelled: total.cancelled + slice.cancelled,
    keys: total.keys + slice.keys,
    drains: total.drains + slice.drains,
    rollups: total.rollups + slice.rollups,
  };
}
