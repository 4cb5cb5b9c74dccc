/** Every statement that the queue sends, one function each: SQL and parameters out, rows decoded once. Nothing here decides. */
import type { Executor, Statement } from '../../db/database.ts';
import type { Progress, Status } from './job.ts';
import type { StoredError } from './storable.ts';

/** A job as a step hands it over. `attempt` counts the attempts that ended; the coming run is the next one. */
export interface ClaimedJob {
  readonly id: string;
  readonly fence: number;
  readonly type: string;
  readonly queue: string;
  readonly priority: number;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly rescues: number;
  readonly interruptions: number;
  readonly idempotencyKey: string | null;
  readonly createdAt: string;
  readonly dueAt: string;
  readonly payload: unknown;
  readonly state: unknown;
}

/** (queue, type, priority), how far into it this drain has claimed (due time and id, null at the start), and whether others share its priority. */
export type Lane = readonly [
  queue: string,
  type: string,
  priority: number,
  afterDueAt: string | null,
  afterId: string | null,
  hasPeers: boolean,
];

export interface StepRequest {
  readonly drain: {
    readonly id: string;
    readonly step: number;
    readonly source: string;
    readonly deadlineMs: number;
    readonly claim: string;
    /** The answer to the same step was lost: it may have been taken already. */
    readonly again?: boolean;
    /** Some outcome is of a job with an idempotency key. */
    readonly keyed: boolean;
    readonly keyWindowMs: number;
    readonly lingerMs: number;
    /** For the ledger row, which a step without it leaves as it is. */
    readonly report?: object;
    readonly running?: readonly string[];
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
  readonly lanes: readonly Lane[] | null;
  readonly first: boolean;
  readonly idle: boolean;
  readonly alone: boolean;
  readonly suspects: boolean;
  readonly includePaused: boolean;
}

export interface StepAnswer {
  readonly protocol: number;
  readonly settled: number;
  readonly lost: readonly string[];
  readonly revoked: readonly string[];
  readonly jobs: readonly ClaimedJob[];
  readonly rescued: number;
  readonly crashed: readonly string[];
  readonly lanes: readonly Lane[] | null;
  readonly unhandled: readonly string[] | null;
  readonly nextDueInMs: number | null;
  /** The lanes held fewer due jobs than the claim had room for. */
  readonly exhausted: boolean;
  /** How long the function ran. */
  readonly tookMs: number;
  /** The rest of the round trip: the network both ways, the commit, and waiting for a connection. */
  readonly onTheWayMs: number;
}

/** One round trip of a drain; see db/jobqueue/functions/step_1.sql. */
export async function step(executor: Executor, request: StepRequest, timeoutMs: number): Promise<StepAnswer> {
  const sentAtMs = performance.now();
  const rows = await executor.execute<{ answer: Omit<StepAnswer, 'jobs'> & { jobs: readonly JobTuple[] } }>(
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
  rest: readonly [rescues: number, interruptions: number, idempotencyKey: string | null, state: unknown] | null,
];

const USUAL = [0, 0, null, null] as const;

function readClaimed(tuple: JobTuple): ClaimedJob {
  const [id, fence, type, queue, priority, attempt, maxAttempts, dueAt, createdAt, payload, rest] = tuple;
  const [rescues, interruptions, idempotencyKey, state] = rest ?? USUAL;
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
  };
}

/** One entry of an enqueue as SQL reads it. */
export interface NewJob {
  readonly type: string;
  readonly payload: unknown;
  readonly queue: string;
  readonly priority: number;
  readonly max_attempts: number;
  readonly scheduled_for?: string;
  readonly delay_ms?: number;
  readonly idempotency_key?: string;
}

export interface AddedRow {
  readonly id: string;
  readonly duplicate: boolean;
}

/** The statement behind addJob and addJobs; its rows come in the order of the entries. */
export function addJobsStatement(jobsJson: string): Statement {
  return {
    text: 'select id::text as id, duplicate from jobqueue.add_jobs($1::jsonb) order by ordinal',
    params: [jobsJson],
  };
}

export interface JobRow {
  readonly id: string;
  readonly type: string;
  readonly status: Status;
  readonly queue: string;
  readonly priority: number;
  readonly attempts: number;
  readonly max_attempts: number;
  readonly fence: number;
  readonly idempotency_key: string | null;
  readonly payload: unknown;
  readonly state: unknown;
  readonly progress: Progress | null;
  readonly result: unknown;
  readonly errors: readonly (StoredError & { at: string })[] | null;
  readonly due_ms: number;
  readonly created_ms: number;
  readonly started_ms: number | null;
  readonly finished_ms: number | null;
}

const MILLISECONDS = (column: string, alias: string) => `(extract(epoch from ${column}) * 1000)::float8 as ${alias}`;

const LIVE_JOB = `
  select id::text as id, type, case when lease_until is null then 'PENDING' else 'PROCESSING' end as status, queue, priority,
         attempt + (lease_until is not null and started_fence = fence)::int as attempts, max_attempts, fence, idempotency_key,
         payload, state, progress, null::jsonb as result, errors, ${MILLISECONDS('due_at', 'due_ms')},
         ${MILLISECONDS('created_at', 'created_ms')}, ${MILLISECONDS('started_at', 'started_ms')}, null::float8 as finished_ms
  from jobqueue.jobs`;

const FINISHED_JOB = `
  select id::text as id, type, status::text as status, queue, priority, attempt::int as attempts, max_attempts, fence, idempotency_key,
         payload, state, progress, result, errors, ${MILLISECONDS('due_at', 'due_ms')},
         ${MILLISECONDS('created_at', 'created_ms')}, ${MILLISECONDS('started_at', 'started_ms')},
         ${MILLISECONDS('finished_at', 'finished_ms')}
  from jobqueue.job_history`;

/** The job with this id, live or finished. */
export async function findById(executor: Executor, id: string): Promise<JobRow | null> {
  const rows = await executor.execute<JobRow>({
    text: `${LIVE_JOB} where id = $1::bigint union all ${FINISHED_JOB} where id = $1::bigint limit 1`,
    params: [id],
  });
  return rows[0] ?? null;
}

/** The job that holds this key now; null once its window has passed or a dead letter or cancel has freed it. */
export async function findByKey(executor: Executor, type: string, key: string): Promise<JobRow | null> {
  const holder = `(select job_id from jobqueue.idempotency_keys
                   where type = $1 and key = $2 and (expires_at is null or expires_at >= now()))`;
  const rows = await executor.execute<JobRow>({
    text: `${LIVE_JOB} where id = ${holder} union all ${FINISHED_JOB} where id = ${holder} limit 1`,
    params: [type, key],
  });
  return rows[0] ?? null;
}

export interface DueLane {
  readonly queue: string;
  readonly type: string;
  readonly priority: number;
  readonly due: number;
  readonly paused: boolean;
}

/** What is due, lane by lane, most urgent first; each lane is counted up to `bound` jobs, at most 200 lanes. */
export async function dueLanes(
  executor: Executor,
  bound: number,
  filter: { queue: string | null; types: readonly string[] | null },
): Promise<DueLane[]> {
  return executor.execute<DueLane>({
    text: `
      with recursive lane as (
        (select queue, type, priority from jobqueue.jobs order by queue, type, priority limit 1)
        union all
        select n.queue, n.type, n.priority
        from lane l
        cross join lateral (
          select j.queue, j.type, j.priority from jobqueue.jobs j
          where (j.queue, j.type, j.priority) > (l.queue, l.type, l.priority)
          order by j.queue, j.type, j.priority limit 1) n
      )
      select l.queue, l.type, l.priority, c.due::int as due,
             exists (select from jobqueue.pauses p where p.queue in ('*', l.queue) and p.type in ('*', l.type)) as paused
      from (select * from lane limit 2000) l
      cross join lateral (
        select count(*) as due, min(due_at) as head
        from (select due_at from jobqueue.jobs j
              where j.queue = l.queue and j.type = l.type and j.priority = l.priority
                and j.due_at <= now() and (j.lease_until is null or j.lease_until < now())
              order by due_at, id limit $1) first_ones
      ) c
      where c.due > 0 and ($2::text is null or l.queue = $2) and ($3::text[] is null or l.type = any($3))
      order by l.priority desc, c.head
      limit 200`,
    params: [bound, filter.queue, filter.types && [...filter.types]],
  });
}

/** Appends one line to the audit log. */
export async function audit(
  executor: Executor,
  entry: { actor: string; action: string; details: object },
): Promise<void> {
  await executor.execute({
    text: 'insert into jobqueue.audit_log (actor, action, details) values ($1, $2, $3::jsonb)',
    params: [entry.actor, entry.action, JSON.stringify(entry.details)],
  });
}

/** Keeps drains from claiming what the target names; '*' stands for all. */
export async function pause(
  executor: Executor,
  target: { queue: string; type: string },
  reason: string | null,
): Promise<void> {
  await executor.execute({
    text: `insert into jobqueue.pauses (queue, type, reason) values ($1, $2, $3)
           on conflict (queue, type) do update set reason = excluded.reason`,
    params: [target.queue, target.type, reason],
  });
}

export async function resume(executor: Executor, target: { queue: string; type: string }): Promise<void> {
  await executor.execute({
    text: 'delete from jobqueue.pauses where queue = $1 and type = $2',
    params: [target.queue, target.type],
  });
}

export interface HealthRow {
  readonly last_drain_age_ms: number | null;
  readonly dead_letters: number;
  readonly protocol_ready: boolean;
}

/** Bounded probes only: no count runs past its limit. */
export async function health(executor: Executor): Promise<HealthRow> {
  const rows = await executor.execute<HealthRow>({
    text: `select (select extract(epoch from now() - max(started_at)) * 1000 from jobqueue.drains)::float8 as last_drain_age_ms,
                  (select count(*) from (select from jobqueue.job_history where status = 'DEAD_LETTER' limit 1000) d)::int as dead_letters,
                  to_regprocedure('jobqueue.step_1(jsonb,bigint[],jsonb,jsonb,jsonb,jsonb)') is not null as protocol_ready`,
    params: [],
  });
  return only(rows);
}

function only<Row>(rows: readonly Row[]): Row {
  const [row] = rows;
  if (row === undefined) throw new Error('expected one row from Postgres, got none');
  return row;
}
