/**
 * Neon's HTTP and WebSocket protocols in front of a real PostgreSQL, with faults. After the proxy's own source
 * (neondatabase/neon, proxy/src/serverless/sql_over_http.rs) and what the driver sends.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import pg from 'pg';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { type Faults, faultyLine, type Line } from './faults.ts';
import { relay } from './relay.ts';

/** Neon's limit, for requests and for answers. */
const MAX_BYTES = 64 * 1024 * 1024;
/** Enough for eight drains with two steps in flight. */
const MAX_SESSIONS = 20;

export interface NeonEndpoint {
  /** For the drivers' `endpoint` option. */
  readonly origin: string;
  readonly faults: Faults;
  close(): Promise<void>;
}

export async function neonEndpoint(databaseUrl: string): Promise<NeonEndpoint> {
  const { hostname: host, port } = new URL(databaseUrl);
  const line = faultyLine();
  const pools = new Map<string, pg.Pool>();

  /** The driver's connection string names this endpoint as its host; user, password and database are real. */
  const poolFor = (header: unknown): pg.Pool => {
    const url = new URL(String(header));
    url.hostname = host;
    url.port = port;
    const existing = pools.get(url.href);
    if (existing) return existing;
    const pool = new pg.Pool({ connectionString: url.href, max: MAX_SESSIONS });
    // Whoever waits for a lost session is told by its statement; the next request gets another session.
    pool.on('error', () => undefined);
    pool.on('connect', (session) => session.on('error', () => undefined));
    pools.set(url.href, pool);
    return pool;
  };

  const http = createServer((request, response) => {
    answer(request, response, poolFor, line).catch((error: unknown) => {
      if (!response.destroyed) send(response, 500, { message: String(error), code: '' });
    });
  });
  http.on('connection', (socket: Socket) => line.admit(socket));

  const webSockets = new WebSocketServer({ server: http, path: '/v2' });
  webSockets.on('connection', (webSocket) => {
    relay(createWebSocketStream(webSocket), connect({ host, port: Number(port), noDelay: true }), line);
  });

  await new Promise<void>((listening) => http.listen(0, '127.0.0.1', listening));
  return {
    origin: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    faults: line,
    async close() {
      const closed = new Promise((done) => http.close(done));
      line.cutConnections();
      await closed;
      await Promise.all([...pools.values()].map((pool) => pool.end()));
    },
  };
}

interface Query {
  readonly query: string;
  readonly params?: readonly unknown[];
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  poolFor: (header: unknown) => pg.Pool,
  line: Line,
): Promise<void> {
  if (request.method !== 'POST' || request.url !== '/sql') return send(response, 404, { message: 'not found' });
  const { headers } = request;
  if (headers['neon-raw-text-output'] !== 'true' || headers['neon-array-mode'] !== 'true')
    return send(response, 400, {
      message: 'only raw text in arrays, as the driver asks for it, is spoken here',
      code: '',
    });

  const body = await readBody(request);
  if (body === null) return send(response, 413, { message: `request is too large (max is ${MAX_BYTES} bytes)` });
  const parsed = JSON.parse(body) as Query | { queries: Query[] };
  const queries = 'queries' in parsed ? parsed.queries : [parsed];
  const texts = queries.flatMap(({ query, params = [] }) => [query, ...params.map(toPgText)]);
  // The proxy's JSON reader accepts no lone surrogate.
  if (!texts.every((text) => text === null || text.isWellFormed()))
    return send(response, 400, { message: 'lone leading surrogate in hex escape', code: '' });
  const loss = line.lossFor(texts.join('\n'));

  await line.travel();
  const { status, json } = await run(queries, 'queries' in parsed, request, response, poolFor);
  await line.travel();
  if (!loss) return send(response, status, json);
  loss.happened();
  if (!loss.silently) request.socket.destroy();
}

interface Outcome {
  readonly status: number;
  readonly json: object | string;
}

async function run(
  queries: readonly Query[],
  batch: boolean,
  request: IncomingMessage,
  response: ServerResponse,
  poolFor: (header: unknown) => pg.Pool,
): Promise<Outcome> {
  const { headers } = request;
  const pool = poolFor(headers['neon-connection-string']);
  let session: pg.PoolClient;
  try {
    session = await pool.connect();
  } catch (error) {
    // A refusal (wrong password, no such database) is the user's fault to the proxy, the rest its own; neither carries an SQLSTATE.
    return { status: 'severity' in (error as object) ? 400 : 500, json: { message: String(error), code: '' } };
  }
  let spent = false; // a late cancel must not hit the session's next statement, and a dead session has none
  const cancel = () => {
    if (response.writableFinished) return;
    spent = true;
    cancelStatement(pool, session).catch(() => undefined); // its session is thrown away in any case
  };
  response.once('close', cancel);
  try {
    if (!batch) return within(await runOne(session, queries[0] as Query));
    await session.query(`begin ${transactionMode(headers)}`);
    const results: object[] = [];
    for (const query of queries) results.push(await runOne(session, query));
    await session.query('commit');
    return within({ results });
  } catch (error) {
    spent ||= (error as { severity?: unknown }).severity !== 'ERROR';
    if (batch) await session.query('rollback').catch(() => undefined); // a lost session has rolled back by itself
    return { status: 400, json: errorJson(error) };
  } finally {
    response.off('close', cancel);
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

function within(json: object): Outcome {
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

function transactionMode(headers: IncomingMessage['headers']): string {
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
function toPgText(value: unknown): string | null {
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

async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= MAX_BYTES) chunks.push(chunk);
  }
  return bytes <= MAX_BYTES ? Buffer.concat(chunks).toString('utf8') : null;
}

function send(response: ServerResponse, status: number, json: object | string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(typeof json === 'string' ? json : JSON.stringify(json));
}
