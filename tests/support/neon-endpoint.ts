/**
 * Neon's HTTP and WebSocket protocols in front of a real PostgreSQL, with faults. After the proxy's own source
 * (neondatabase/neon, proxy/src/serverless/sql_over_http.rs) and what the driver sends.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import pg from 'pg';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { type Faults, faultyLine, type Line } from './faults.ts';
import { PATIENT } from './patient.ts';
import { relay } from './relay.ts';
import { MAX_BYTES, type Query, runQueries, toPgText } from './sql-over-http.ts';

/** Enough for eight drains with two exchanges in flight. */
const MAX_SESSIONS = 20;

export interface NeonEndpoint {
  /** The value of the drivers' `endpoint` option. */
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

  const http = createServer(PATIENT, (request, response) => {
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
  const hungUp = new AbortController();
  response.once('close', () => hungUp.abort());

  const body = await readBody(request);
  if (body === null) return send(response, 413, { message: `request is too large (max is ${MAX_BYTES} bytes)` });
  const parsed = JSON.parse(body) as Query | { queries: Query[] };
  const batch = 'queries' in parsed;
  const queries = batch ? parsed.queries : [parsed];
  const texts = queries.flatMap(({ query, params = [] }) => [query, ...params.map(toPgText)]);
  // The proxy's JSON reader accepts no lone surrogate.
  if (!texts.every((text) => text === null || text.isWellFormed()))
    return send(response, 400, { message: 'lone leading surrogate in hex escape', code: '' });
  const loss = line.lossFor(texts.join('\n'));

  await line.travel();
  const pool = poolFor(headers['neon-connection-string']);
  const { status, json } = await runQueries(pool, queries, { batch: batch && headers, hungUp: hungUp.signal });
  await line.travel();
  if (!loss) return send(response, status, json);
  loss.happened();
  if (!loss.silently) request.socket.destroy();
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
