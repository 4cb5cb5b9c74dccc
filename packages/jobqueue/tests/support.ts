/** The queue under test: one job with a `mode` payload, one database, and the facts that tests ask for. */
import { z } from 'zod';
import { emptied } from '../../../tests/support/empty.ts';
import {
  type AddJobOptions,
  cancelJob,
  continueWith,
  createQueue,
  defineJob,
  type JobContext,
  NonRetryableError,
  type QueueOptions,
  RetryAfterError,
} from '../src/index.ts';
import type { Database } from '../src/postgres/connect.ts';

const work = z.object({
  mode: z.enum([
    'noop',
    'sleep',
    'wait',
    'fail',
    'fail_for_good',
    'retry_after',
    'return',
    'throw',
    'slices',
    'checkpoints',
    'cancel',
    'deaf',
  ]),
  n: z.number().optional(),
  ms: z.number().optional(),
});

export type Work = z.infer<typeof work>;
export type WorkContext = JobContext<Work>;

/** A test's view of its handlers. */
export interface Witness {
  /** Starts of each job id. */
  readonly starts: Map<string, number>;
  /** `n` of each started job, in order. */
  readonly order: number[];
  readonly contexts: WorkContext[];
  /** Values that mode 'return' returns and mode 'throw' throws, by `n`. */
  readonly results: Map<number, unknown>;
  onStart?: (context: WorkContext) => void | Promise<void>;
}

export function witness(): Witness {
  return { starts: new Map(), order: [], contexts: [], results: new Map() };
}

type Telling = Pick<QueueOptions<[]>, 'log' | 'logJobs' | 'telemetry'>;

export function queueOf(
  database: Database,
  seen: Witness = witness(),
  options: { timeout?: number; resumable?: boolean; maxDurationMs?: number } & Telling = {},
) {
  const { timeout = 60_000, resumable = false, maxDurationMs = 300_000, ...telling } = options;
  const handler = async () => ({ run: (context: WorkContext) => perform(context, seen) });
  const queue = createQueue({
    database,
    maxDurationMs,
    logJobs: 'none', // handlers fail here on purpose
    ...telling,
    jobs: [
      defineJob({ type: 'work', payload: work, timeout, resumable, handler }),
      defineJob({ type: 'other', payload: work, timeout, resumable, handler }),
      defineJob({ type: 'nobody', payload: z.object({}) }),
    ],
  });
  return { queue, seen };
}

async function perform(context: WorkContext, seen: Witness): Promise<unknown> {
  const { payload, job, signal } = context;
  seen.starts.set(job.id, (seen.starts.get(job.id) ?? 0) + 1);
  seen.order.push(payload.n ?? -1);
  seen.contexts.push(context);
  await seen.onStart?.(context);
  switch (payload.mode) {
    case 'noop':
      return null;
    case 'sleep':
      return sleep(payload.ms ?? 1, signal);
    case 'wait':
      return new Promise((_, refuse) => signal.addEventListener('abort', () => refuse(signal.reason)));
    case 'deaf':
      return new Promise((resolve) => setTimeout(resolve, payload.ms ?? 60_000).unref());
    case 'fail':
      throw new Error(`failure of attempt ${job.attempt}`);
    case 'fail_for_good':
      throw new NonRetryableError('no use');
    case 'retry_after':
      throw new RetryAfterError('busy', payload.ms ?? 5_000);
    case 'return':
      return seen.results.get(payload.n ?? 0);
    case 'throw':
      throw seen.results.get(payload.n ?? 0);
    case 'slices': {
      const done = (job.state as { done: number } | null)?.done ?? 0;
      return done + 1 === payload.n ? { slices: done + 1 } : continueWith({ done: done + 1 });
    }
    case 'checkpoints': {
      const done = (job.state as { done: number } | null)?.done ?? 0;
      for (let n = done + 1; n <= (payload.n ?? 1); n++) await context.checkpoint({ done: n });
      return { resumedFrom: done };
    }
    case 'cancel':
      return cancelJob('not wanted any more');
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, refuse) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      refuse(signal.reason);
    });
  });
}

/** Entries for addJobs, numbered by `n` from 0. */
export function works(count: number, payload: Omit<Work, 'n'> = { mode: 'noop' }, options?: AddJobOptions) {
  return Array.from({ length: count }, (_, n) => ({
    type: 'work' as const,
    payload: { ...payload, n },
    ...(options && { options }),
  }));
}

/** One statement for a fact. */
export async function rows<Row extends object>(database: Database, text: string, ...params: unknown[]): Promise<Row[]> {
  return database.execute<Row>({ text, params });
}

/** Jobs counted by status. */
export async function statuses(database: Database): Promise<Record<string, number>> {
  const found = await rows<{ status: string; n: number }>(
    database,
    `select status, count(*)::int as n
     from (select case when lease_until is null then 'PENDING' else 'PROCESSING' end as status from jobqueue.live_jobs
           union all select status::text from jobqueue.finished_jobs) every_job
     group by status`,
  );
  return Object.fromEntries(found.map(({ status, n }) => [status, n]));
}

/** The same database, and the text of each statement that went to it. */
export function counting(database: Database): { database: Database; statements: readonly string[] } {
  const statements: string[] = [];
  const counted: Database = {
    ...database,
    execute: (statement, options) => {
      statements.push(statement.text);
      return database.execute(statement, options);
    },
  };
  return { database: counted, statements };
}

/** The interval at which the process checks if a waiting drain has become due. */
const TURN_MS = 50;

/**
 * The database of a drain, and `heard`: waits until a cancelled job is told so, and answers for how long, in ms, the drain could have
 * asked after that job and did not. An exchange without it counts when it goes out. While none is on its way the turns of this process
 * count, because those do not pass while the machine stands still.
 */
export function listening(database: Database) {
  let onTheWay = 0;
  /** Of each job that a drain has claimed, by id, the beginning of what it reports of it. */
  const names = new Map<string, string>();
  let sent: (running: string, answer: Promise<unknown>) => void = () => undefined;
  const heard = async ({ job, signal }: WorkContext): Promise<number> => {
    const fromMs = performance.now();
    let silentMs = 0;
    let turns = 0;
    const timer = setInterval(() => {
      if (onTheWay === 0) silentMs = Math.max(silentMs, ++turns * TURN_MS);
    }, TURN_MS);
    await new Promise<unknown>((resolve) => {
      signal.addEventListener('abort', resolve);
      sent = (running, answer) => {
        if (running.includes(names.get(job.id) ?? job.id))
          answer.then(
            () => setImmediate(resolve),
            () => undefined,
          ); // the drain sends it again
        else silentMs = Math.max(silentMs, performance.now() - fromMs);
      };
      if (signal.aborted) resolve(null);
    });
    clearInterval(timer);
    if (!signal.aborted) throw new Error('an exchange asked after the job, and its answer did not end it');
    return silentMs;
  };
  const told = (found: never[]) => {
    const [row] = found as { answer: { batches: { batch: string; ids: string[] }[] } }[];
    for (const { batch, ids } of row?.answer.batches ?? [])
      for (const [n, id] of ids.entries()) names.set(id, `"batch":"${batch}","position":${n + 1},`);
    return found;
  };
  const listened: Database = {
    ...database,
    execute: (statement, options) => {
      const answer = database.execute<never>(statement, options);
      if (!statement.text.includes('jobqueue.step_2')) return answer;
      onTheWay++;
      sent(String(statement.params[4]), answer);
      return answer.finally(() => onTheWay--).then(told);
    },
  };
  return { database: listened, heard };
}

export async function emptyTables(database: Database): Promise<void> {
  await rows(database, emptied(...TABLES.map((table) => `jobqueue.${table}`)));
}

const TABLES =
  'jobs job_history batches blocks settlements leases notes idempotency_keys flows drains pauses rollups replays replayed_jobs audit_log'.split(
    ' ',
  );

/**
 * Moves the rows, not the clock: each lease that runs now ended a second ago. Row by row where an exchange is just
 * writing: to wait for its locks could deadlock with it, to pass them over would leave a lease.
 *
 * @throws what is still leased after 10 s.
 */
export async function endLeases(database: Database): Promise<void> {
  const leased = 'select batch, claim from jobqueue.leases where lease_until > now()';
  let left = await rows<{ batch: string; claim: string }>(database, leased);
  const end = Date.now() + 10_000;
  while (left.length > 0) {
    if (Date.now() > end) throw new Error(`leases that an exchange would not let go: ${JSON.stringify(left)}`);
    await rows(
      database,
      `update jobqueue.leases l set lease_until = now() - interval '1 second'
       from (select batch from jobqueue.leases order by batch for update skip locked) held
       where l.batch = held.batch`,
    );
    left = await rows(database, `${leased} and batch = any($1::bigint[])`, `{${left.map(({ batch }) => batch)}}`);
  }
  // of jobs that were given back while their handlers went on
  await rows(database, "update jobqueue.jobs set lease_until = now() - interval '1 second' where lease_until > now()");
}

/** Makes every pending job due now, whatever its backoff. */
export async function makeDue(database: Database): Promise<void> {
  await rows(database, 'update jobqueue.jobs set due_at = now() where lease_until is null');
}
