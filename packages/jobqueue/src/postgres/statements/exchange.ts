/** The statement of a drain: one exchange, parameters out, answer decoded once. Nothing in this folder decides. */

import type { Batch, ClaimedJob, JobMeta } from '../../core/claimed-job.ts';
import type { DrainReport } from '../../core/drain-report.ts';
import type { FollowUps } from '../../core/follow-up.ts';
import type { Executor } from '../database.ts';
import { only } from './rows.ts';

/** (queue, type, priority), how far into it this drain has claimed (due time and id, null at the start), and whether others share its priority. */
export type Lane = readonly [
  queue: string,
  type: string,
  priority: number,
  afterDueAt: string | null,
  afterId: string | null,
  hasPeers: boolean,
];

/** A target that a pause may name: the jobs of one queue and type. */
export type QueueAndType = readonly [queue: string, type: string];

/** The place of a lane in the order in which they are found. */
export type LaneName = readonly [queue: string, type: string, priority: number];

export interface ExchangeParams {
  readonly drain: {
    readonly id: string;
    readonly step: number;
    readonly source: string;
    readonly deadlineMs: number;
    readonly claim: string;
    /** The answer to the same exchange was lost: it may have been taken already. */
    readonly again?: boolean;
    /** Some outcome is of a job with an idempotency key. */
    readonly keyed: boolean;
    /** Some outcome is of a job that another one waits for. */
    readonly flowed: boolean;
    /** Some outcome is of a job that another one follows. */
    readonly followed: boolean;
    readonly keyWindowMs: number;
    readonly lingerMs: number;
    /** The report for the ledger row; an exchange without it leaves the row unchanged. */
    readonly report?: DrainReport;
    readonly running?: readonly string[];
    /** Jobs that the drain holds and has not started, by queue and type. */
    readonly waiting?: readonly QueueAndType[];
    /** The same jobs one by one, with every heartbeat. */
    readonly held?: readonly Place[];
    /** With a claim: where the drain runs; null: nowhere in particular. */
    readonly environment?: string | null;
    /** Requests of maintenance tasks, by name. */
    readonly chores?: object;
    /** Counts for rollup_1, those of this exchange's outcomes included. */
    readonly rollups?: object;
    /** The platform's data about the invocation; with the first exchange. */
    readonly tick?: object;
    /** Sums over the exchanges answered so far: time in Postgres, and including the network; sent with the report. */
    readonly databaseMs?: number;
    readonly roundTripMs?: number;
    readonly stopReason: string | null;
    readonly passedOver?: readonly Lane[];
  };
  readonly completed: readonly CompletedOfBatch[];
  /** JSON text of each other settlement, made storable by its author. */
  readonly settlements: readonly string[];
  readonly running: readonly string[];
  readonly claim: Claim | null;
}

/** A job of a batch, which is named by its id. */
export type Place = readonly [batch: string, position: number];

export function placeName([batch, position]: Place): string {
  return `${batch}/${position}`;
}

/** Jobs of one batch that completed, in the order of their positions. */
export interface CompletedOfBatch {
  readonly batch: Batch;
  readonly jobs: readonly Completed[];
}

/** A job that completed; `result` is JSON text, made storable by its author. */
export interface Completed {
  readonly position: number;
  readonly ranMs: number;
  readonly endedAgoMs: number;
  readonly result: string;
}

export interface Claim {
  readonly limit: number;
  readonly free: number;
  readonly maxBytes: number;
  readonly types: Readonly<Record<string, number>>;
  readonly excluded: readonly string[];
  readonly queues?: readonly string[];
  /** Null to have those in use found. */
  readonly lanes: readonly Lane[] | null;
  /** The lane behind which to look for them; without it from the first one on. */
  readonly past?: LaneName;
  readonly first: boolean;
  readonly idle: boolean;
  readonly alone: boolean;
  readonly suspects: boolean;
  readonly includePaused: boolean;
  /** The jobs that follow those of each type; stored with their batches. */
  readonly followUps?: FollowUps;
  /** When a type that is excluded for its rate limit should be probed again. */
  readonly nextTokenInMs?: number;
}

export interface ExchangeReply {
  readonly protocol: number;
  readonly lost: readonly string[];
  readonly revoked: readonly string[];
  readonly jobs: readonly ClaimedJob[];
  readonly rescued: number;
  readonly crashed: readonly string[];
  readonly lanes: readonly Lane[] | null;
  /** The lane at which the look for lanes ended because there are so many; null if it saw the last one, or did not look. */
  readonly past: LaneName | null;
  readonly unhandled: readonly string[] | null;
  /** Work for the drain, by the name of the maintenance task. */
  readonly chores: Readonly<Record<string, unknown>> | null;
  /** Whose database this is, if not that of the drain's environment: then nothing was claimed. */
  readonly otherEnvironment: string | null;
  /** Those of `waiting` that are paused. */
  readonly paused: readonly QueueAndType[];
  /** Those of `held` that are no longer the drain's; null if it named none. */
  readonly gone: readonly string[] | null;
  /**
   * The 95th percentile of each type's recent runs over all drains (lower limit of its bin); set if this exchange asked for
   * maintenance tasks and claimed.
   */
  readonly recentRunMs: Readonly<Record<string, number>> | null;
  /** The time until the next due job of the lanes that this exchange has seen. */
  readonly nextDueInMs: number | null;
  /** The lanes held fewer due jobs than the claim had room for, and there are no others to look at. */
  readonly exhausted: boolean;
  /** Other drains under way, of the newest 50; null if this exchange did not look. */
  readonly peers: number | null;
  /** The database's clock when the function began, ms since 1970. */
  readonly nowMs: number;
  /** The duration of the SQL function, ms. */
  readonly tookMs: number;
  /** The rest of the round trip: the network both ways, the commit, and waiting for a connection. */
  readonly onTheWayMs: number;
}

/** One round trip of a drain; see packages/jobqueue/sql/functions/step_2.sql. */
export async function exchange(executor: Executor, request: ExchangeParams, timeoutMs: number): Promise<ExchangeReply> {
  const sentAtMs = performance.now();
  const rows = await executor.execute<{
    answer: Omit<ExchangeReply, 'jobs' | 'lost' | 'revoked' | 'gone'> & BatchReply;
  }>(
    {
      text: 'select jobqueue.step_2($1::jsonb, $2::text[], $3::jsonb, $4::jsonb, $5::jsonb, $6::jsonb) as answer',
      params: [
        JSON.stringify(request.drain),
        columns(request.completed),
        results(request.completed),
        `[${request.settlements.join(',')}]`,
        `[${request.running.join(',')}]`,
        request.claim && JSON.stringify(request.claim),
      ],
    },
    { timeoutMs },
  );
  const { answer } = only(rows);
  const onTheWayMs = Math.max(0, performance.now() - sentAtMs - answer.tookMs);
  return {
    ...answer,
    onTheWayMs,
    lost: answer.lost.map(placeName),
    revoked: answer.revoked.map(placeName),
    gone: answer.gone?.map(placeName) ?? null,
    jobs: answer.batches.flatMap(readBatch),
  };
}

/** A mask and two lists for each batch, as text of a text[][]. */
function columns(completed: readonly CompletedOfBatch[]): string {
  return `{${completed.map(({ batch, jobs }) => `{${batch.id},${mask(batch, jobs)},"{${jobs.map(({ ranMs }) => ranMs)}}","{${jobs.map(({ endedAgoMs }) => endedAgoMs)}}"}`).join(',')}}`;
}

function mask({ size }: Batch, jobs: readonly Completed[]): string {
  if (jobs.length === size) return '1'.repeat(size);
  const bits = new Array<string>(size).fill('0');
  for (const { position } of jobs) bits[position - 1] = '1';
  return bits.join('');
}

/** A list for each batch, or null if none of its jobs has a result. */
function results(completed: readonly CompletedOfBatch[]): string {
  const lists = completed.map(({ jobs }) =>
    jobs.some(({ result }) => result !== 'null') ? `[${jobs.map(({ result }) => result).join(',')}]` : 'null',
  );
  return `[${lists.join(',')}]`;
}

interface BatchReply {
  readonly batches: readonly BatchColumns[];
  readonly lost: readonly Place[];
  readonly revoked: readonly Place[];
  readonly gone: readonly Place[] | null;
}

/** A claimed batch as step_2 sends it: a list for each property, null for one that is as most jobs have it. */
interface BatchColumns {
  readonly batch: string;
  readonly queue: string;
  readonly type: string;
  readonly priority: number;
  readonly ids: readonly string[];
  readonly dueAt: readonly string[];
  readonly createdAt: readonly string[] | null;
  readonly fences: readonly number[] | null;
  readonly attempts: readonly number[] | null;
  readonly maxAttempts: readonly number[] | null;
  readonly keys: readonly (string | null)[] | null;
  readonly payloads: readonly unknown[];
  readonly rest: readonly (Rest | null)[] | null;
  /** A digit for each place: 1 if the drain holds it still. Null: all. */
  readonly open: string | null;
}

type Rest = readonly [rescues: number, interruptions: number, state: unknown, meta: JobMeta | null];

const USUAL: Rest = [0, 0, null, null];

function readBatch(columns: BatchColumns): ClaimedJob[] {
  const { queue, type, priority, ids, dueAt, createdAt, fences, attempts, maxAttempts, keys, payloads, rest, open } =
    columns;
  const batch = { id: columns.batch, size: ids.length };
  const jobs = ids.map((id, n) => {
    const [rescues, interruptions, state, meta] = rest?.[n] ?? USUAL;
    const due = dueAt[n] as string;
    return {
      batch,
      position: n + 1,
      place: placeName([batch.id, n + 1]),
      id,
      fence: fences?.[n] ?? 1,
      type,
      queue,
      priority,
      attempt: attempts?.[n] ?? 0,
      maxAttempts: maxAttempts?.[n] ?? 3,
      rescues,
      interruptions,
      idempotencyKey: keys?.[n] ?? null,
      createdAt: createdAt?.[n] ?? due,
      dueAt: due,
      payload: payloads[n],
      state,
      meta,
    };
  });
  return open === null ? jobs : jobs.filter((_, n) => open[n] === '1');
}
