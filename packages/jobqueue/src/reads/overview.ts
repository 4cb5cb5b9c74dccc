/** Reads the state of all queues and types at one instant: one statement of bounded probes. */

import type { DrainReport, StopReason } from '../core/drain-report.ts';
import type { Environments } from '../drain/environment.ts';
import { waitsForChildren } from '../enqueue/children.ts';
import type { Executor } from '../postgres/database.ts';
import { type LeftOut, overview } from '../postgres/statements/overview.ts';

/** A count that stopped at its bound means «so many or more». */
export interface Counted {
  readonly n: number;
  readonly atLeast: boolean;
}

/** One queue and type, over its priorities. */
export interface OverviewLane {
  readonly queue: string;
  readonly type: string;
  /** Due, and not running. */
  readonly ready: Counted;
  /** Due later; retries among them. */
  readonly scheduled: Counted;
  /** The earliest of their due times; null if there are none, or if all wait for their children. */
  readonly nextDue: Date | null;
  readonly running: number;
  readonly dead: Counted;
  readonly oldestDue: Date | null;
  readonly paused: boolean;
}

/** A pause of a queue, a type, or everything. */
export interface Pause {
  /** '*' stands for all. */
  readonly queue: string;
  readonly type: string;
  readonly reason: string | null;
  readonly since: Date;
}

/** The state of the queue at one instant. */
export interface Overview {
  /** The 200 queues and types whose first job is due for the longest time, and those with dead letters. */
  readonly lanes: readonly OverviewLane[];
  readonly leftOut: LeftOut;
  readonly environments: Environments;
  readonly pauses: readonly Pause[];
  /** Drains under way. */
  readonly openDrains: number;
  /** The last twelve, the newest first; without kicks and operators' drains. */
  readonly ticks: readonly {
    readonly id: string;
    readonly source: string;
    readonly state: 'running' | 'finished' | 'died';
    readonly stopReason: StopReason | null;
    readonly startedAt: Date;
    readonly endedAt: Date;
    readonly report: DrainReport;
  }[];
}

export async function readOverview(executor: Executor, own: string | null): Promise<Overview> {
  const { owner, lanes, leftOut, dead, deadBound, pauses, openDrains, ticks } = await overview(executor);
  const key = ({ queue, type }: { queue: string; type: string }) => `${queue} ${type}`;
  const dying = new Map(dead.map((row) => [key(row), row.dead]));
  const deadOf = (row: { queue: string; type: string }): Counted => {
    const n = dying.get(key(row)) ?? 0;
    return { n, atLeast: n === deadBound };
  };
  const live = lanes.map((lane) => ({
    queue: lane.queue,
    type: lane.type,
    ready: { n: lane.ready, atLeast: lane.readyIsBound },
    scheduled: { n: lane.scheduled, atLeast: lane.scheduledIsBound },
    nextDue: lane.nextDueMs === null || waitsForChildren(lane.nextDueMs) ? null : new Date(lane.nextDueMs),
    running: lane.running,
    dead: deadOf(lane),
    oldestDue: lane.oldestDueMs === null ? null : new Date(lane.oldestDueMs),
    paused: lane.paused,
  }));
  const known = new Set(lanes.map(key));
  const onlyDead = dead
    .filter((row) => !known.has(key(row)))
    .map((row) => ({
      ...NOTHING_LIVE,
      queue: row.queue,
      type: row.type,
      dead: deadOf(row),
      paused: isPaused(row, pauses),
    }));
  return {
    lanes: [...live, ...onlyDead].sort((a, b) => (key(a) < key(b) ? -1 : 1)),
    leftOut,
    environments: { own, owner },
    pauses: pauses.map(({ sinceMs, ...pause }) => ({ ...pause, since: new Date(sinceMs) })),
    openDrains,
    ticks: ticks.map(({ startedMs, endedMs, ...tick }) => ({
      ...tick,
      startedAt: new Date(startedMs),
      endedAt: new Date(endedMs),
    })),
  };
}

const NOTHING: Counted = { n: 0, atLeast: false };
const NOTHING_LIVE = { ready: NOTHING, scheduled: NOTHING, nextDue: null, running: 0, oldestDue: null };

function isPaused(
  { queue, type }: { queue: string; type: string },
  pauses: readonly { readonly queue: string; readonly type: string }[],
): boolean {
  return pauses.some((p) => (p.queue === '*' || p.queue === queue) && (p.type === '*' || p.type === type));
}
