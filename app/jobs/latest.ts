/** The latest jobs for the screen: one page, newest first, by keyset. Never a walk over the whole backlog or history. */
import { and, desc, eq, inArray, isNotNull, isNull, lt, type SQL } from 'drizzle-orm';
import { database } from '../../db/client.ts';
import { drains, jobHistory, liveJobs } from '../../db/jobqueue/schema.ts';
import type { Status } from '../../lib/jobqueue/job.ts';

export const PAGE = 50;

/** A rare status is looked for among this many of the latest ids only: some 50 ms, however long the history is. */
const WINDOW = 20_000;

/** Drains hold some dozen jobs each; more running ones than this no page could show. */
const RUNNING_DRAINS = 200;

export interface JobLine {
  readonly id: bigint;
  readonly type: string;
  readonly status: Status;
  readonly queue: string;
  readonly priority: number;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly createdAt: Date;
  readonly dueAt: Date;
  readonly finishedAt: Date | null;
}

/** Up to `PAGE` jobs with ids below `before`; all statuses when `status` is null. */
export async function latestJobs({
  status,
  before,
}: {
  status: Status | null;
  before: bigint | null;
}): Promise<JobLine[]> {
  switch (status) {
    case null: {
      const both = await Promise.all([live(before), finished(null, before)]);
      return both
        .flat()
        .sort((a, b) => (a.id < b.id ? 1 : -1))
        .slice(0, PAGE);
    }
    case 'PENDING':
      return live(before, isNull(liveJobs.leaseUntil));
    case 'PROCESSING':
      return running(before);
    case 'COMPLETED':
    case 'DEAD_LETTER':
    case 'CANCELLED':
      return finished(status, before);
  }
}

async function live(before: bigint | null, only?: SQL): Promise<JobLine[]> {
  const rows = await database()
    .drizzle.select()
    .from(liveJobs)
    .where(and(before === null ? undefined : lt(liveJobs.id, before), only))
    .orderBy(desc(liveJobs.id))
    .limit(PAGE);
  return rows.map(({ leaseUntil, ...job }) => ({
    ...job,
    status: leaseUntil === null ? 'PENDING' : 'PROCESSING',
    finishedAt: null,
  }));
}

/** Leases stand in no index; the drains that are under way know what they hold. */
async function running(before: bigint | null): Promise<JobLine[]> {
  const underWay = await database()
    .drizzle.select({ ids: drains.running })
    .from(drains)
    .where(isNull(drains.finishedAt))
    .orderBy(desc(drains.startedAt))
    .limit(RUNNING_DRAINS);
  const ids = underWay.flatMap(({ ids }) => ids);
  return ids.length === 0 ? [] : live(before, and(inArray(liveJobs.id, ids), isNotNull(liveJobs.leaseUntil)));
}

async function finished(
  status: Exclude<Status, 'PENDING' | 'PROCESSING'> | null,
  before: bigint | null,
): Promise<JobLine[]> {
  const { drizzle } = database();
  const below = before === null ? undefined : lt(jobHistory.id, before);
  const window = drizzle.select().from(jobHistory).where(below).orderBy(desc(jobHistory.id)).limit(WINDOW).as('window');
  return drizzle
    .select()
    .from(window)
    .where(status === null ? undefined : eq(window.status, status))
    .orderBy(desc(window.id))
    .limit(PAGE);
}
