/** The Prisma queue's table, read only: what state it is in, how its columns are called, and its rows in bounded portions. */
import type { Executor } from '../../postgres/database.ts';
import { Failure } from '../failure.ts';
import type { OldJob } from './convert.ts';

/** A portion in the process's memory, whatever payloads hold. */
const PORTION_BYTES = 8 * 1024 * 1024;

export type State =
  /** Prisma's table is there. */
  | 'table'
  /** It was taken over: its name is our view's. */
  | 'done'
  | 'missing';

export async function stateOf(executor: Executor): Promise<State> {
  const [found] = await executor.execute<{ kind: string | null; kept: boolean }>({
    text: `select (select relkind::text from pg_class where oid = to_regclass('public."JobQueue"')) as kind,
                  to_regclass('public."JobQueue_prisma"') is not null as kept`,
    params: [],
  });
  if (found?.kind === 'r' || found?.kind === 'p') return 'table';
  return found?.kept ? 'done' : 'missing';
}

/** Finds the columns that later versions added. Throws Failure if the table is not the known one. */
export async function columnsOf(executor: Executor): Promise<ReadonlySet<string>> {
  const rows = await executor.execute<{ name: string; type: string }>({
    text: `select column_name as name, data_type as type from information_schema.columns
           where table_schema = 'public' and table_name = 'JobQueue'`,
    params: [],
  });
  const types = new Map(rows.map(({ name, type }) => [name, type]));
  const missing = ['id', 'type', 'payload', 'status', 'createdAt'].filter((name) => !types.has(name));
  if (missing.length > 0)
    throw new Failure(`public."JobQueue" is not the Prisma queue's table: it has no column ${missing.join(', ')}`);
  if (types.get('id') !== 'text') throw new Failure(`public."JobQueue".id: expected text, got ${types.get('id')}`);
  return new Set(types.keys());
}

export interface Reading {
  readonly columns: ReadonlySet<string>;
  /** Completed jobs that ended longer ago are left behind. */
  readonly historyMs: number;
  /** True if jobs were imported before: those are skipped. */
  readonly begun: boolean;
}

/** Rows that are to be imported, behind an id, in order of id; none: that was all. */
export async function readPortion(
  executor: Executor,
  { after, limit, ...reading }: Reading & { readonly after: string; readonly limit: number },
): Promise<OldJob[]> {
  const { columns } = reading;
  const column = (name: string, otherwise: string) => (columns.has(name) ? `o."${name}"` : otherwise);
  // Prisma's timestamps have no zone and hold UTC; as an epoch they are right with a zone and without.
  const ms = (name: string) =>
    columns.has(name) ? `(extract(epoch from o."${name}") * 1000)::float8` : 'null::float8';
  return executor.execute<OldJob>({
    text: `
      select id, type, payload, status, priority, attempts, max_attempts, last_error, key, due_ms, started_ms, completed_ms, updated_ms,
             created_ms
      from (
        select o.id, o.type, coalesce(o.payload::text, 'null') as payload, o.status::text as status,
               ${column('priority', '0')}::int as priority, ${column('attempts', '0')}::int as attempts,
               ${column('maxAttempts', '3')}::int as max_attempts, ${column('lastError', 'null')}::text as last_error,
               ${column('idempotencyKey', 'null')}::text as key, ${ms('scheduledFor')} as due_ms, ${ms('startedAt')} as started_ms,
               ${ms('completedAt')} as completed_ms, ${ms('updatedAt')} as updated_ms, ${ms('createdAt')} as created_ms,
               sum(octet_length(o.payload::text)) over place as bytes, row_number() over place as n
        from (select * from public."JobQueue" o where o.id > $1 and ${toImport(reading, '$3')} order by o.id limit $2) o
        window place as (order by o.id)
      ) portion
      where n = 1 or bytes <= ${PORTION_BYTES}
      order by id`,
    params: [after, limit, reading.historyMs],
  });
}

/** Counts rows to import, and rows that are too old. */
export async function countRows(
  executor: Executor,
  reading: Reading,
): Promise<{ toImport: number; leftBehind: number }> {
  const [counts] = await executor.execute<{ to_import: number; left_behind: number }>({
    text: `select (count(*) filter (where ${toImport(reading, '$1')}))::float8 as to_import,
                  (count(*) filter (where ${tooOld(reading, '$1')}))::float8 as left_behind
           from public."JobQueue" o`,
    params: [reading.historyMs],
  });
  return { toImport: counts?.to_import ?? 0, leftBehind: counts?.left_behind ?? 0 };
}

function toImport(reading: Reading, historyMs: '$1' | '$3'): string {
  const known = 'exists (select from jobqueue.prisma_jobs m where m.old_id = o.id)';
  return reading.begun ? `not ${known} and not ${tooOld(reading, historyMs)}` : `not ${tooOld(reading, historyMs)}`;
}

function tooOld({ columns, begun }: Reading, historyMs: '$1' | '$3'): string {
  const ended = ['completedAt', 'updatedAt', 'createdAt']
    .filter((name) => columns.has(name))
    .map((name) => `o."${name}"`);
  const old = `o.status::text = 'COMPLETED' and extract(epoch from coalesce(${ended.join(', ')})) * 1000
               < extract(epoch from now()) * 1000 - ${historyMs}::float8`;
  return begun ? `(${old} and not exists (select from jobqueue.prisma_jobs m where m.old_id = o.id))` : `(${old})`;
}
