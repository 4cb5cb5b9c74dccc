/** The committed state of the queue's tables, as the model compares it from step to step. */
import type { Server } from './server.ts';

/** A live job. Instants are ms since 1970. */
export interface LiveJob {
  readonly id: string;
  readonly type: string;
  readonly queue: string;
  readonly priority: number;
  readonly due: number;
  /** Null: nobody holds it. Infinity: it waits for its children. */
  readonly lease: number | null;
  readonly claim: string | null;
  readonly fence: number;
  readonly startedFence: number;
  readonly settledFence: number;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly rescues: number;
  readonly passes: number;
  readonly key: string | null;
  readonly whenChildFails: string | null;
  /** The slot of a schedule that it was fired for. */
  readonly slot: string | null;
}

/** A finished job. */
export interface EndedJob {
  readonly id: string;
  readonly type: string;
  readonly status: 'COMPLETED' | 'DEAD_LETTER' | 'CANCELLED';
  readonly fence: number;
  readonly attempt: number;
  readonly key: string | null;
  readonly slot: string | null;
}

export interface HeldKey {
  readonly type: string;
  readonly key: string;
  readonly job: string;
  readonly expires: number | null;
}

/** A child in a flow. */
export interface Link {
  readonly parent: string;
  readonly child: string;
  readonly done: boolean;
}

/** A shared rate limit: its tokens at an instant, ms since 1970. */
export interface BucketState {
  readonly key: string;
  readonly tokens: number | null;
  readonly refilled: number;
}

export interface Snapshot {
  readonly live: ReadonlyMap<string, LiveJob>;
  readonly ended: ReadonlyMap<string, EndedJob>;
  readonly keys: readonly HeldKey[];
  readonly links: readonly Link[];
  /** Queue and type of each pause, '*' for all. */
  readonly pauses: readonly (readonly [queue: string, type: string])[];
  readonly buckets: readonly BucketState[];
}

const MS = (column: string) => `case when isfinite(${column}) then extract(epoch from ${column})::float8 * 1000 end`;

const QUERY = `
  select
    (select coalesce(json_agg(json_build_array(id::text, type::text, queue::text, priority::int, ${MS('due_at')},
        ${MS('lease_until')}, claim::text, fence, started_fence, settled_fence, attempt, max_attempts::int, rescues, passes,
        idempotency_key::text, meta ->> 'whenChildFails', lease_until is not null, isfinite(due_at), meta ->> 'slot') order by id), '[]')
     from jobqueue.jobs) as live,
    (select coalesce(json_agg(json_build_array(id::text, type, status, fence, attempt, idempotency_key, meta ->> 'slot') order by id), '[]')
     from jobqueue.job_history) as ended,
    (select coalesce(json_agg(json_build_object('type', type, 'key', key, 'job', job_id::text, 'expires', ${MS('expires_at')})
        order by type, key), '[]') from jobqueue.idempotency_keys) as keys,
    (select coalesce(json_agg(json_build_object('parent', parent_id::text, 'child', child_id::text, 'done', done)
        order by child_id), '[]') from jobqueue.flows) as links,
    (select coalesce(json_agg(json_build_array(queue, type)), '[]') from jobqueue.pauses) as pauses,
    (select coalesce(json_agg(json_build_object('key', key, 'tokens', tokens, 'refilled', ${MS('refilled_at')}) order by key), '[]')
     from jobqueue.buckets) as buckets`;

type LiveRow = readonly [
  id: string,
  type: string,
  queue: string,
  priority: number,
  due: number | null,
  lease: number | null,
  claim: string | null,
  fence: number,
  startedFence: number,
  settledFence: number,
  attempt: number,
  maxAttempts: number,
  rescues: number,
  passes: number,
  key: string | null,
  whenChildFails: string | null,
  isHeld: boolean,
  isDueSometime: boolean,
  slot: string | null,
];
type EndedRow = readonly [string, string, EndedJob['status'], number, number, string | null, string | null];

export async function snapshot(server: Server): Promise<Snapshot> {
  type Row = { live: LiveRow[]; ended: EndedRow[] } & Pick<Snapshot, 'keys' | 'links' | 'pauses' | 'buckets'>;
  const [row] = await server.ask<Row>(QUERY, [], 'snapshot');
  if (!row) throw new Error('expected one row of state');
  return {
    live: new Map(row.live.map((job) => [job[0], liveJob(job)])),
    ended: new Map(
      row.ended.map(([id, type, status, fence, attempt, key, slot]) => [
        id,
        { id, type, status, fence, attempt, key, slot },
      ]),
    ),
    keys: row.keys,
    links: row.links,
    pauses: row.pauses,
    buckets: row.buckets,
  };
}

function liveJob(row: LiveRow): LiveJob {
  const [id, type, queue, priority, due, lease, claim, fence, startedFence, settledFence] = row;
  const [attempt, maxAttempts, rescues, passes, key, whenChildFails, isHeld, isDueSometime, slot] = row.slice(10) as [
    number,
    number,
    number,
    number,
    string | null,
    string | null,
    boolean,
    boolean,
    string | null,
  ];
  return {
    ...{ id, type, queue, priority, claim, fence, startedFence, settledFence },
    ...{ attempt, maxAttempts, rescues, passes, key, whenChildFails, slot },
    due: isDueSometime ? (due ?? 0) : Number.POSITIVE_INFINITY,
    lease: isHeld ? (lease ?? Number.POSITIVE_INFINITY) : null,
  };
}
