/**
 * The committed state of the queue's tables, as the model compares it from step to step. Only row versions that came since the last look
 * travel; which of the known ones are still there is read each time.
 */
import type { Statement } from '../../src/postgres/database.ts';
import { Violation } from './violation.ts';

/** A live job. Instants are ms since 1970. */
export interface LiveJob {
  readonly id: string;
  readonly type: string;
  readonly queue: string;
  readonly priority: number;
  readonly due: number;
  /** The batch that holds it, and its position there; null: it waits. */
  readonly place: string | null;
  /** Set for one that waits, too, if it was given back while its handler went on. */
  readonly lease: number | null;
  readonly claim: string | null;
  readonly fence: number;
  /** Its holder has reported that it runs. */
  readonly hasStarted: boolean;
  readonly settledFence: number;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly rescues: number;
  readonly passes: number;
  readonly key: string | null;
  readonly whenChildFails: string | null;
  /** The slot of a schedule that it was fired for. */
  readonly slot: string | null;
  /** The job that this one follows. */
  readonly follows: string | null;
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

/** Which jobs of a batch are open, and which had which outcome: a digit for each job, in their order. */
export interface BatchState {
  readonly batch: string;
  readonly ids: readonly string[];
  /** Null: nobody holds a job of it. */
  readonly open: string | null;
  readonly settled: number | null;
  readonly settlements: readonly Settlement[];
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
  readonly batches: readonly BatchState[];
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

const LIVE = `id::text, type::text, queue::text, priority::int, ${MS('due_at')}, ${MS('lease_until')}, fence, settled_fence, attempt,
  max_attempts::int, rescues, passes, idempotency_key::text, meta ->> 'whenChildFails', meta ->> 'slot', payload ->> 'id'`;
const BATCHES = `id::text, type, queue, priority::int, ids::text[], array(select ${MS('u.d')} from unnest(due_at) with ordinality as u(d, n) order by u.n),
  fences, attempts, max_attempts, keys, rest, case when type = 'after' then array(select u.p ->> 'id' from unnest(payloads) with ordinality as u(p, n) order by u.n) end`;

const TEXT = `
  select pg_snapshot_xmin(pg_current_snapshot())::text::int8::float8 as floor,
    ${versions('live', 'jobs', 'id', LIVE)},
    ${versions('batches', 'batches', 'id', BATCHES)},
    ${versions('leases', 'leases', 'batch', `batch::text, claim::text, ${MS('lease_until')}, settled, open::text`)},
    ${versions('settlements', 'settlements', 'batch, n', 'batch::text, n, done::text, gone::text, taken::text')},
    ${versions('notes', 'notes', 'batch, position', `batch::text, position, state is not null`)},
    ${versions('ended', 'job_history', 'id', `id::text, type, status, fence, attempt, idempotency_key, meta ->> 'slot'`)},
    ${versions('keys', 'idempotency_keys', 'type, key', `type, key, job_id::text, ${MS('expires_at')}`)},
    ${versions('links', 'flows', 'child_id', 'parent_id::text, child_id::text, done')},
    (select coalesce(json_agg(json_build_array(queue, type)), '[]') from jobqueue.pauses) as pauses,
    (select coalesce(json_agg(json_build_object('key', key, 'tokens', tokens, 'refilled', ${MS('refilled_at')}) order by key), '[]')
     from jobqueue.buckets) as buckets`;

type Version = readonly [place: string, writer: number, ...columns: unknown[]];
const TABLES = ['live', 'batches', 'leases', 'settlements', 'notes', 'ended', 'keys', 'links'] as const;
type Tables = (typeof TABLES)[number];

/** A look's answer. */
export type Seen = { readonly floor: number } & { readonly [Table in Tables as `${Table}_places`]: string } & {
  readonly [Table in Tables]: readonly Version[] | null;
} & Pick<Snapshot, 'pauses' | 'buckets'>;

/** Looks at the committed state of one world again and again. */
export class Observer {
  #floor = 0;
  #writers = new Set<number>();
  readonly #live = new Versions(liveJob);
  readonly #batches = new Versions(batch);
  readonly #leases = new Versions(lease);
  readonly #settlements = new Versions(settlement);
  readonly #notes = new Versions(note);
  readonly #ended = new Versions(endedJob);
  readonly #keys = new Versions(heldKey);
  readonly #links = new Versions(link);

  /** The statement of the next look. */
  get statement(): Statement {
    return { text: TEXT, params: [this.#floor, [...this.#writers]] };
  }

  /** Takes in the answer to that statement. */
  see(seen: Seen): Snapshot {
    const writers = TABLES.flatMap((table) => seen[table] ?? []).map(([, writer]) => writer);
    this.#floor = seen.floor;
    this.#writers = new Set([...this.#writers, ...writers].filter((writer) => writer >= seen.floor));
    const inBatches = placed({
      batches: this.#batches.now(seen.batches_places, seen.batches),
      leases: this.#leases.now(seen.leases_places, seen.leases),
      settlements: this.#settlements.now(seen.settlements_places, seen.settlements),
      notes: this.#notes.now(seen.notes_places, seen.notes),
    });
    return {
      live: byId([...this.#live.now(seen.live_places, seen.live), ...inBatches.held]),
      ended: byId([...this.#ended.now(seen.ended_places, seen.ended), ...inBatches.completed]),
      batches: inBatches.states,
      keys: this.#keys.now(seen.keys_places, seen.keys),
      links: this.#links.now(seen.links_places, seen.links),
      pauses: seen.pauses,
      buckets: seen.buckets,
    };
  }
}

/** The jobs that batches hold or have completed. A batch whose lease went has no open job. */
function placed(tables: {
  readonly batches: readonly Batch[];
  readonly leases: readonly Lease[];
  readonly settlements: readonly Settlement[];
  readonly notes: readonly Note[];
}) {
  const leases = new Map(tables.leases.map((one) => [one.batch, one]));
  const notes = new Map(tables.notes.map((one) => [`${one.batch}/${one.position}`, one]));
  const settlements = new Map<string, Settlement[]>();
  for (const one of tables.settlements) settlements.set(one.batch, [...(settlements.get(one.batch) ?? []), one]);
  const held: LiveJob[] = [];
  const completed: EndedJob[] = [];
  const states: BatchState[] = [];
  for (const { id: name, jobs } of tables.batches) {
    const by = leases.get(name);
    const outcomes = settlements.get(name) ?? [];
    states.push({
      batch: name,
      ids: jobs.map(({ id }) => id),
      open: by?.open ?? null,
      settled: by?.settled ?? null,
      settlements: outcomes,
    });
    for (const [n, job] of jobs.entries()) {
      const place = `${name}/${n + 1}`;
      const noted = notes.get(place);
      const attempt = noted?.isCheckpoint ? 0 : job.attempt;
      if (by?.open[n] === '1')
        held.push({ ...job, attempt, place, lease: by.lease, claim: by.claim, hasStarted: noted !== undefined });
      else if (outcomes.some(({ done }) => done?.[n] === '1')) {
        const { id, type, fence, key, slot } = job;
        completed.push({ id, type, status: 'COMPLETED', fence, attempt: attempt + 1, key, slot });
      }
    }
  }
  return { held, completed, states };
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

/** Two rows of one id are one place too many. */
function byId<Job extends { readonly id: string }>(jobs: readonly Job[]): ReadonlyMap<string, Job> {
  const found = new Map(jobs.map((job) => [job.id, job]));
  if (found.size < jobs.length) {
    const twice = jobs.find((job) => found.get(job.id) !== job) as Job;
    throw new Violation(`job ${twice.id} is in two places: ${JSON.stringify([twice, found.get(twice.id)])}`);
  }
  return found;
}

type LiveRow = readonly [
  id: string,
  type: string,
  queue: string,
  priority: number,
  due: number | null,
  lease: number | null,
  fence: number,
  settledFence: number,
  attempt: number,
  maxAttempts: number,
  rescues: number,
  passes: number,
  key: string | null,
  whenChildFails: string | null,
  slot: string | null,
  follows: string | null,
];

function liveJob(columns: readonly unknown[]): LiveJob {
  const row = columns as LiveRow;
  return {
    id: row[0],
    type: row[1],
    queue: row[2],
    priority: row[3],
    due: row[4] ?? Number.POSITIVE_INFINITY,
    place: null,
    lease: row[5],
    claim: null,
    fence: row[6],
    hasStarted: false,
    settledFence: row[7],
    attempt: row[8],
    maxAttempts: row[9],
    rescues: row[10],
    passes: row[11],
    key: row[12],
    whenChildFails: row[13],
    slot: row[14],
    follows: row[15],
  };
}

interface Batch {
  readonly id: string;
  readonly jobs: readonly LiveJob[];
}

type Rest = readonly [
  rescues: number,
  interruptions: number,
  state: unknown,
  meta: { readonly whenChildFails?: string; readonly slot?: string } | null,
  passes: number,
];

type BatchRow = readonly [
  id: string,
  type: string,
  queue: string,
  priority: number,
  ids: readonly string[],
  due: readonly number[],
  fences: readonly number[] | null,
  attempts: readonly number[] | null,
  maxAttempts: readonly number[] | null,
  keys: readonly (string | null)[] | null,
  rest: readonly (Rest | null)[] | null,
  follows: readonly string[] | null,
];

function batch(columns: readonly unknown[]): Batch {
  const [name, type, queue, priority, ids, due, fences, attempts, maxAttempts, keys, rest, follows] =
    columns as BatchRow;
  const jobs = ids.map((id, n) => {
    const [rescues = 0, , , meta, passes = 0] = rest?.[n] ?? [];
    return {
      ...{ id, type, queue, priority, place: null, lease: null, claim: null, hasStarted: false },
      due: due[n] as number,
      fence: fences?.[n] ?? 1,
      settledFence: 0,
      attempt: attempts?.[n] ?? 0,
      maxAttempts: maxAttempts?.[n] ?? 3,
      rescues,
      passes,
      key: keys?.[n] ?? null,
      whenChildFails: meta?.whenChildFails ?? null,
      slot: meta?.slot ?? null,
      follows: follows?.[n] ?? null,
    };
  });
  return { id: name, jobs };
}

interface Lease {
  readonly batch: string;
  readonly claim: string;
  readonly lease: number;
  readonly settled: number;
  readonly open: string;
}

function lease(columns: readonly unknown[]): Lease {
  const [name, claim, until, settled, open] = columns as [string, string, number, number, string];
  return { batch: name, claim, lease: until, settled, open };
}

export interface Settlement {
  readonly batch: string;
  readonly n: number;
  readonly done: string | null;
  readonly gone: string | null;
  readonly taken: string | null;
}

function settlement(columns: readonly unknown[]): Settlement {
  const [name, n, done, gone, taken] = columns as [string, number, string | null, string | null, string | null];
  return { batch: name, n, done, gone, taken };
}

interface Note {
  readonly batch: string;
  readonly position: number;
  /** It says what a run has reached, from which attempts count anew. */
  readonly isCheckpoint: boolean;
}

function note(columns: readonly unknown[]): Note {
  const [name, position, isCheckpoint] = columns as [string, number, boolean];
  return { batch: name, position, isCheckpoint };
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
