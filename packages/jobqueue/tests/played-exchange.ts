/** Single exchanges of a drain that a test plays itself: what a delayed packet, a retry or a frozen function would send. */
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { ClaimedJob } from '../src/core/claimed-job.ts';
import { emptyReport } from '../src/core/drain-report.ts';
import type { Database } from '../src/postgres/connect.ts';
import { type Claim, type ExchangeParams, type ExchangeReply, exchange } from '../src/postgres/statements/exchange.ts';

export const CLAIM: Claim = {
  limit: 10,
  free: 10,
  maxBytes: 1_000_000,
  types: { work: 60_000 },
  excluded: [],
  lanes: null,
  first: true,
  idle: true,
  alone: true,
  suspects: false,
  includePaused: false,
};

/** One first exchange of a drain of its own; `drain` overrides what it says of itself. */
export function send(
  database: Database,
  request: Partial<Omit<ExchangeParams, 'drain'>> & { readonly drain?: Partial<ExchangeParams['drain']> },
): Promise<ExchangeReply> {
  const drain: ExchangeParams['drain'] = {
    id: randomUUID(),
    step: 1,
    source: 'test',
    deadlineMs: 60_000,
    claim: randomUUID(),
    keyed: true,
    flowed: true,
    followed: true,
    keyWindowMs: 60_000,
    lingerMs: 0,
    report: emptyReport(randomUUID(), 'test'),
    running: [],
    stopReason: null,
    ...request.drain,
  };
  return exchange(database, { completed: [], settlements: [], running: [], claim: null, ...request, drain }, 10_000);
}

/** The report of one job that ended as `to`, with the other fields of that outcome. */
export function outcome(
  job: Pick<ClaimedJob, 'batch' | 'position'>,
  { to, ...rest }: { readonly to: string; readonly result?: unknown; readonly ranMs?: number },
): Pick<ExchangeParams, 'completed' | 'settlements'> {
  if (to !== 'completed') return { completed: [], settlements: [news(job, { to, ...rest })] };
  const { ranMs = 0, result = null } = rest;
  const { batch, position } = job;
  const jobs = [{ position, ranMs, endedAgoMs: 0, result: JSON.stringify(result) }];
  return { completed: [{ batch, jobs }], settlements: [] };
}

/** What a drain says of a job that it holds: an outcome, or that it runs. */
export function news({ batch, position }: Pick<ClaimedJob, 'batch' | 'position'>, said: object = {}): string {
  return JSON.stringify({ batch: batch.id, position, ...said });
}

export async function claimOne(database: Database): Promise<ClaimedJob> {
  const { jobs } = await send(database, { claim: CLAIM });
  expect(jobs).toHaveLength(1);
  return jobs[0] as ClaimedJob;
}

/** A job as drains of the release before get it and name it; more follows. */
export type ClaimedBefore = readonly [id: string, fence: number];

interface RequestBefore {
  readonly completed?: readonly ClaimedBefore[];
  /** What a drain says of a job that it holds. */
  readonly settlements?: readonly object[];
  readonly running?: readonly object[];
  readonly claim?: Partial<Claim>;
  readonly again?: boolean;
}

/** One first exchange of a drain of the release before, which leaves the jobs that it claims in the live table. */
export async function sendBefore(
  database: Database,
  { completed = [], settlements = [], running = [], claim, again = false }: RequestBefore,
): Promise<{
  readonly jobs: readonly ClaimedBefore[];
  readonly lost: readonly string[];
  readonly revoked: readonly string[];
  readonly rescued: number;
}> {
  const drain = { id: randomUUID(), claim: randomUUID(), step: 1, keyed: true, keyWindowMs: 60_000, again };
  const column = (value: (job: ClaimedBefore) => unknown) => `{${completed.map(value)}}`;
  const columns = [column(([id]) => id), column(([, fence]) => fence), column(() => 1), column(() => 0)];
  const [row] = await database.execute<{ answer: Awaited<ReturnType<typeof sendBefore>> }>({
    text: "select jobqueue.step_1($1::jsonb, $2::bigint[], '[]', $3::jsonb, $4::jsonb, $5::jsonb) as answer",
    params: [
      JSON.stringify(drain),
      completed.length > 0 ? `{${columns}}` : '{}',
      JSON.stringify(settlements),
      JSON.stringify(running),
      claim ? JSON.stringify({ ...CLAIM, ...claim }) : null,
    ],
  });
  return row?.answer as Awaited<ReturnType<typeof sendBefore>>;
}
