/** The SQL half of Neon's HTTP protocol: runs one request's statements and tells what the proxy answers to them. */
import type { IncomingHttpHeaders } from 'node:http';
import pg from 'pg';

/** Neon's limit of requests and answers, in bytes. */
export const MAX_BYTES = 64 * 1024 * 1024;

export interface Query {
  readonly query: string;
  readonly params?: readonly unknown[];
}

export interface HttpAnswer {
  readonly status: number;
  readonly json: object | string;
}

/** `batch`: the headers of a batch, which is one transaction. When the client hangs up, what runs is cancelled. */
export async function runQueries(
  pool: pg.Pool,
  queries: readonly Query[],
  { batch, hungUp }: { batch: IncomingHttpHeaders | false; hungUp: AbortSignal },
): Promise<HttpAnswer> {
  let session: pg.PoolClient;
  try {
    session = await pool.connect();
  } catch (error) {
    // A refusal (wrong password, no such database) is the user's fault to the proxy, the rest its own; neither carries an SQLSTATE.
    return { status: 'severity' in (error as object) ? 400 : 500, json: { message: String(error), code: '' } };
  }
  let spent = false; // a late cancel must not hit the session's next statement, and a dead session has none
  const cancel = () => {
    spent = true;
    cancelStatement(pool, session).catch(() => undefined); // its session is thrown away in any case
  };
  hungUp.addEventListener('abort', cancel);
  try {
    if (hungUp.aborted)
      return { status: 400, json: { message: 'the client hung up before it was its turn', code: '' } };
    if (!batch) return within(await runOne(session, queries[0] as Query));
    await session.query(`begin ${transactionMode(batch)}`);
    const results: object[] = [];
    for (const query of queries) results.push(await runOne(session, query));
    await session.query('commit');
    return within({ results });
  } catch (error) {
    spent ||= (error as { severity?: unknown }).severity !== 'ERROR';
    if (batch) await session.query('rollback').catch(() => undefined); // a lost session has rolled back by itself
    return { status: 400, json: errorJson(error) };
  } finally {
    hungUp.removeEventListener('abort', cancel);
    session.release(spent);
  }
}

async function runOne(session: pg.PoolClient, { query, params = [] }: Query): Promise<object> {
  const asText = { getTypeParser: () => (text: string) => text };
  const result = await session.query({
    text: query,
    values: params.map(toPgText),
    rowMode: 'array',
    types: asText,
    queryMode: 'extended', // refuses several statements in one text
  } as pg.QueryArrayConfig);
  const { fields, rows, command, rowCount } = result;
  return { fields, rows, command, rowCount, rowAsArray: true };
}

function within(json: object): HttpAnswer {
  const text = JSON.stringify(json);
  if (Buffer.byteLength(text) <= MAX_BYTES) return { status: 200, json: text };
  return { status: 507, json: { message: `response is too large (max is ${MAX_BYTES} bytes)`, code: '' } };
}

/** As the proxy does when its client hangs up. */
async function cancelStatement(pool: pg.Pool, session: pg.PoolClient): Promise<void> {
  const canceller = new pg.Client(pool.options);
  await canceller.connect();
  try {
    await canceller.query('select pg_cancel_backend($1)', [(session as unknown as { processID: number }).processID]);
  } finally {
    await canceller.end();
  }
}

function transactionMode(headers: IncomingHttpHeaders): string {
  const isolation = headers['neon-batch-isolation-level'];
  const LEVELS: Record<string, string> = {
    ReadUncommitted: 'isolation level read uncommitted',
    ReadCommitted: 'isolation level read committed',
    RepeatableRead: 'isolation level repeatable read',
    Serializable: 'isolation level serializable',
  };
  return [
    LEVELS[String(isolation)],
    headers['neon-batch-read-only'] === 'true' && 'read only',
    headers['neon-batch-deferrable'] === 'true' && 'deferrable',
  ]
    .filter(Boolean)
    .join(', ');
}

/** A parameter's JSON as Postgres' text: strings as they are, arrays as array literals, all else as JSON. */
export function toPgText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return `{${value.map(toPgArrayElement).join(',')}}`;
  return JSON.stringify(value);
}

function toPgArrayElement(value: unknown): string {
  if (value === null) return 'NULL';
  if (Array.isArray(value)) return toPgText(value) as string;
  return JSON.stringify(typeof value === 'string' ? value : JSON.stringify(value));
}

const ERROR_FIELDS =
  'detail hint position internalPosition internalQuery severity where table column schema dataType constraint file line routine';

/** Postgres' error in full; without a code if Postgres did not get to answer. */
function errorJson(error: unknown): object {
  const { message, code = '', ...rest } = error as Record<string, unknown>;
  if (rest.severity === undefined) return { message: String(message ?? error), code: '' };
  return {
    message: (error as Error).message,
    code,
    ...Object.fromEntries(ERROR_FIELDS.split(' ').map((field) => [field, rest[field] ?? null])),
  };
}
