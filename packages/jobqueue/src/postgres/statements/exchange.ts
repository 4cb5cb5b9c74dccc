/** The statement of a drain: one exchange, parameters out, answer decoded once. Nothing in this folder decides. */

import type { ClaimedJob, JobMeta } from '../../core/claimed-job.ts';
import type { DrainReport } from '../../core/drain-report.ts';
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
    readonly keyWindowMs: number;
    readonly lingerMs: number;
    /** The report for the ledger row; an exchange without it leaves the row unchanged. */
    readonly report?: DrainReport;
    readonly running?: readonly string[];
    /** Jobs that the drain holds and has not started, by queue and type. */
    readonly waiting?: readonly QueueAndType[];
    /** The same jobs one by one, with every heartbeat. */
    readonly held?: readonly (readonly [id: string, fence: number])[];
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
  readonly completed: readonly Completed[];
  /** JSON text of each other settlement, made storable by its author. */
  readonly settlements: readonly string[];
  readonly running: readonly string[];
  readonly claim: Claim | null;
}

/** A job that completed; `result` is JSON text, made storable by its author. */
export interface Completed {
  readonly id: string;
  readonly fence: number;
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
  /** When a type that is excluded for its rate limit should be probed again. */
  readonly nextTokenInMs?: number;
}

export interface ExchangeReply {
  readonly protocol: number;
  readonly settled: number;
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

/** One round trip of a drain; see packages/jobqueue/sql/functions/step_1.sql. */
export async function exchange(executor: Executor, request: ExchangeParams, timeoutMs: number): Promise<ExchangeReply> {
  const sentAtMs = performance.now();
  const rows = await executor.execute<{ answer: Omit<ExchangeReply, 'jobs'> & { jobs: readonly JobTuple[] } }>(
    {
      text: 'select jobqueue.step_1($1::jsonb, $2::bigint[], $3::jsonb, $4::jsonb, $5::jsonb, $6::jsonb) as answer',
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
  return { ...answer, onTheWayMs, jobs: answer.jobs.map(readClaimed) };
}

/** Four rows of an array instead of an object a job: a fifth of the time to read. */
function columns(completed: readonly Completed[]): string {
  if (completed.length === 0) return '{}';
  const row = (pick: (one: Completed) => string | number) => `{${completed.map(pick).join(',')}}`;
  return `{${row(({ id }) => id)},${row(({ fence }) => fence)},${row(({ ranMs }) => ranMs)},${row(({ endedAgoMs }) => endedAgoMs)}}`;
}

function results(completed: readonly Completed[]): string {
  return completed.some(({ result }) => result !== 'null')
    ? `[${completed.map(({ result }) => result).join(',')}]`
    : '[]';
}

/** A claimed job as step_1 sends it: what is as most jobs have it takes one null. */
type JobTuple = readonly [
  id: string,
  fence: number,
  type: string,
  queue: string,
  priority: number,
  attempt: number,
  maxAttempts: number,
  dueAt: string,
  createdAt: string | null,
  payload: unknown,
  rest:
    | readonly [
        rescues: number,
        interruptions: number,
        idempotencyKey: string | null,
        state: unknown,
        meta: JobMeta | null,
      ]
    | null,
];

const USUAL = [0, 0, null, null, null] as const;

function readClaimed(tuple: JobTuple): ClaimedJob {
  const [id, fence, type, queue, priority, attempt, maxAttempts, dueAt, createdAt, payload, rest] = tuple;
  const [rescues, interruptions, idempotencyKey, state, meta] = rest ?? USUAL;
  return {
    id,
    fence,
    type,
    queue,
    priority,
    attempt,
    maxAttempts,
    rescues,
    interruptions,
    idempotencyKey,
    createdAt: createdAt ?? dueAt,
    dueAt,
    payload,
    state,
    meta,
  };
}
