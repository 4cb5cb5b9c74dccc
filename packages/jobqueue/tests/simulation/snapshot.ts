/**
 * The committed state of the queue's tables, as the model compares it from step to step. Only row versions that came since the last look
 * travel; which of the known ones are still there is read each time.
 */
import type { Statement } from '../../src/postgres/database.ts';

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

/**
 * Versions of a table: all places in order, and the columns of those that are new. A version is new if the transaction that wrote it was open or
 * not begun at the last look ($1: the oldest that was), and was not seen to have written anything by then ($2). So it holds for subtransactions too.
 */
const versions = (name: string, table: string, order: string, columns: string) => `
  (select coalesce(string_agg(ctid::text, ' ' order by ${order}), '') from jobqueue.${table}) as ${name}_places,
  (select json_agg(json_build_array(ctid::text, xmin::text::int8, ${columns})) from jobqueue.${table}
   where xmin::text::int8 >= $1 and xmin::text::int8 <> all ($2::int8[])) as ${name}`;

const LIVE = `id::text, type::text, queue::text, priority::int, ${MS('due_at')}, ${MS('lease_until')}, claim::text, fence, started_fence,
  settled_fence, attempt, max_attempts::int, rescues, passes, idempotency_key::text, meta ->> 'whenChildFails', lease_until is not null,
  isfinite(due_at), meta ->> 'slot'`;

const TEXT = `
  select pg_snapshot_xmin(pg_current_snapshot())::text::int8::float8 as floor,
    ${versions('live', 'jobs', 'id', LIVE)},
    ${versions('ended', 'job_history', 'id', `id::text, type, status, fence, attempt, idempotency_key, meta ->> 'slot'`)},
    ${versions('keys', 'idempotency_keys', 'type, key', `type, key, job_id::text, ${MS('expires_at')}`)},
    ${versions('links', 'flows', 'child_id', 'parent_id::text, child_id::text, done')},
    (select coalesce(json_agg(json_build_array(queue, type)), '[]') from jobqueue.pauses) as pauses,
    (select coalesce(json_agg(json_build_object('key', key, 'tokens', tokens, 'refilled', ${MS('refilled_at')}) order by key), '[]')
     from jobqueue.buckets) as buckets`;

type Version = readonly [place: string, writer: number, ...columns: unknown[]];
type Tables = 'live' | 'ended' | 'keys' | 'links';

/** A look's answer. */
export type Seen = { readonly floor: number } & { readonly [Table in Tables as `${Table}_places`]: string } & {
  readonly [Table in Tables]: readonly Version[] | null;
} & Pick<Snapshot, 'pauses' | 'buckets'>;

/** Looks at the committed state of one world again and again. */
export class Observer {
  #floor = 0;
  #writers = new Set<number>();
  readonly #live = new Versions(liveJob);
  readonly #ended = new Versions(endedJob);
  readonly #keys = new Versions(heldKey);
  readonly #links = new Versions(link);

  /** The statement of the next look. */
  get statement(): Statement {
    return { text: TEXT, params: [this.#floor, [...this.#writers]] };
  }

  /** Takes in the answer to that statement. */
  see(seen: Seen): Snapshot {
    const writers = [seen.live, seen.ended, seen.keys, seen.links]
      .flatMap((rows) => rows ?? [])
      .map(([, writer]) => writer);
    this.#floor = seen.floor;
    this.#writers = new Set([...this.#writers, ...writers].filter((writer) => writer >= seen.floor));
    return {
      live: byId(this.#live.now(seen.live_places, seen.live)),
      ended: byId(this.#ended.now(seen.ended_places, seen.ended)),
      keys: this.#keys.now(seen.keys_places, seen.keys),
      links: this.#links.now(seen.links_places, seen.links),
      pauses: seen.pauses,
      buckets: seen.buckets,
    };
  }
}

/** The versions of a table's rows that are there, by their places. */
class Versions<Row> {
  #rows = new Map<string, Row>();
  readonly #decode: (columns: readonly unknown[]) => Row;

  constructor(decode: (columns: readonly unknown[]) => Row) {
    this.#decode = decode;
  }

  now(places: string, added: readonly Version[] | null): readonly Row[] {
    const fresh = new Map((added ?? []).map(([place, , ...columns]) => [place, this.#decode(columns)]));
    const rows = new Map<string, Row>();
    for (const place of places === '' ? [] : places.split(' ')) {
      const row = fresh.get(place) ?? this.#rows.get(place);
      if (!row) throw new Error(`expected to have read the row at ${place}`);
      rows.set(place, row);
    }
    this.#rows = rows;
    return [...rows.values()];
  }
}

function byId<Job extends { readonly id: string }>(jobs: readonly Job[]): ReadonlyMap<string, Job> {
  return new Map(jobs.map((job) => [job.id, job]));
}

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

function liveJob(columns: readonly unknown[]): LiveJob {
  const row = columns as LiveRow;
  const [isHeld, isDueSometime] = [row[16], row[17]];
  return {
    id: row[0],
    type: row[1],
    queue: row[2],
    priority: row[3],
    due: isDueSometime ? (row[4] ?? 0) : Number.POSITIVE_INFINITY,
    lease: isHeld ? (row[5] ?? Number.POSITIVE_INFINITY) : null,
    claim: row[6],
    fence: row[7],
    startedFence: row[8],
    settledFence: row[9],
    attempt: row[10],
    maxAttempts: row[11],
    rescues: row[12],
    passes: row[13],
    key: row[14],
    whenChildFails: row[15],
    slot: row[18],
  };
}

function endedJob(columns: readonly unknown[]): EndedJob {
  const [id, type, status, fence, attempt, key, slot] = columns as [
    string,
    string,
    EndedJob['status'],
    number,
    number,
    string | null,
    string | null,
  ];
  return { id, type, status, fence, attempt, key, slot };
}

function heldKey(columns: readonly unknown[]): HeldKey {
  const [type, key, job, expires] = columns as [string, string, string, number | null];
  return { type, key, job, expires };
}

function link(columns: readonly unknown[]): Link {
  const [parent, child, done] = columns as [string, string, boolean];
  return { parent, child, done };
}
