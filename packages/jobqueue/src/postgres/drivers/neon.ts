/** Neon: HTTP for one-shot statements (three round trips to the first answer), WebSocket where a session is needed. */
import { Client, neonConfig, neon as neonSql, Pool } from '@neondatabase/serverless';
import { attachDatabasePool } from '@vercel/functions/db-connections';
import { drizzle as drizzleHttp } from 'drizzle-orm/neon-http';
import { drizzle as drizzleWebSocket } from 'drizzle-orm/neon-serverless';
import { WebSocket as NodeWebSocket } from 'ws';
import type { Database, Executor } from '../database.ts';
import { DEADLINES_MS } from '../deadlines.ts';
import { DatabaseUsageError, failure } from '../errors.ts';
import { type DatabaseUrl, parseDatabaseUrl } from '../url.ts';
import { types } from './decode.ts';
import { CONNECT_MS, IDLE_MS, MAX_CONNECTIONS, pooledDatabase } from './pool.ts';

export interface NeonOptions {
  /** Origin of a stand-in that speaks Neon's protocols, like `http://127.0.0.1:4444`. Default: Neon itself. */
  readonly endpoint?: string;
}

/** One HTTP request per statement: no session, so no interactive transaction. */
export function neonHttp(url: string, options: NeonOptions = {}): Database {
  const target = parseDatabaseUrl(url);
  // Next.js gives server code a `fetch` that may cache, even a POST.
  const sql = neonSql(reachable(target, options), { fetchOptions: { cache: 'no-store' } });
  let closed = false;

  const execute: Executor['execute'] = async <Row extends object>(
    ...[{ text, params }, { timeoutMs = DEADLINES_MS.statement } = {}]: Parameters<Executor['execute']>
  ): Promise<Row[]> => {
    if (closed) throw new DatabaseUsageError('database_closed', `The connection to ${target.address} has been closed.`);
    const limit = { signal: AbortSignal.timeout(Math.max(1, Math.ceil(timeoutMs))) };
    try {
      return (await sql.query(text, [...params], { types, fetchOptions: limit })) as Row[];
    } catch (error) {
      throw failure(error, target.address, { sent: !neverConnected(error) });
    }
  };

  return {
    driver: 'neon-http',
    address: target.address,
    drizzle: drizzleHttp({ client: sql }),
    execute,
    async transaction() {
      throw new DatabaseUsageError(
        'transaction_unsupported',
        "Neon's HTTP driver has no interactive transactions. Connect with the driver 'neon' (the default for Neon's hosts), " +
          "or put queue.statement(...) into one sql.transaction([...]) of Neon's driver.",
      );
    },
    async close() {
      closed = true;
    },
  };
}

const NEVER_CONNECTED = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'];

/** The driver wraps the error of `fetch`, which wraps that of the socket. */
function neverConnected(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { code, cause, sourceError } = error as { code?: unknown; cause?: unknown; sourceError?: unknown };
  return NEVER_CONNECTED.includes(String(code)) || neverConnected(sourceError ?? cause);
}

/** A pool of Postgres sessions, tunnelled through WebSockets. Connects on the first statement. */
export function neonWebSocket(url: string, options: NeonOptions = {}): Database {
  const target = parseDatabaseUrl(url);
  const pool = new Pool({
    connectionString: reachable(target, options),
    max: MAX_CONNECTIONS,
    idleTimeoutMillis: IDLE_MS,
    connectionTimeoutMillis: CONNECT_MS,
  });
  pool.Client = clientFor(options);
  attachDatabasePool(pool);
  return pooledDatabase(pool, {
    driver: 'neon-websocket',
    address: target.address,
    drizzle: drizzleWebSocket({ client: pool }),
  });
}

/** The driver for Neon's hosts: `execute` by HTTP, `transaction` and drizzle by WebSocket, which opens only if they are used. */
export function neon(url: string, options: NeonOptions = {}): Database {
  const http = neonHttp(url, options);
  const webSocket = neonWebSocket(url, options);
  return {
    driver: 'neon',
    address: http.address,
    drizzle: webSocket.drizzle,
    execute: http.execute,
    transaction: webSocket.transaction,
    async close() {
      await Promise.all([http.close(), webSocket.close()]);
    },
  };
}

/** The URL for Neon's driver. A stand-in is addressed as if it were the database: it knows where that really is. */
function reachable({ href }: DatabaseUrl, { endpoint }: NeonOptions): string {
  if (endpoint === undefined) return href;
  const { host, hostname, port, origin } = new URL(endpoint);
  const url = new URL(href);
  url.hostname = hostname;
  url.port = port;
  redirectHttp(host, origin);
  return url.href;
}

const origins = new Map<string, string>();

/** The driver takes the address of its HTTP endpoint from a global alone, so a stand-in is told by its own host and port. */
function redirectHttp(host: string, origin: string): void {
  if (origins.size === 0) {
    const hosted = neonConfig.fetchEndpoint;
    neonConfig.fetchEndpoint = (host, port, options) => {
      const origin = origins.get(`${host}:${port}`);
      if (origin !== undefined) return `${origin}/sql`;
      return typeof hosted === 'function' ? hosted(host, port, options) : hosted;
    };
  }
  origins.set(host, origin);
}

function clientFor({ endpoint }: NeonOptions): typeof Client {
  return class extends Client {
    constructor(...config: ConstructorParameters<typeof Client>) {
      super(...config);
      const { neonConfig: socket } = this;
      if (globalThis.WebSocket === undefined) socket.webSocketConstructor = NodeWebSocket; // Node 20
      if (endpoint === undefined) return;
      const { host, protocol } = new URL(endpoint);
      socket.wsProxy = () => `${host}/v2`;
      socket.useSecureWebSocket = protocol === 'https:';
      socket.pipelineConnect = false; // only Neon's own proxy takes a password before it was asked for one
    }
  };
}
