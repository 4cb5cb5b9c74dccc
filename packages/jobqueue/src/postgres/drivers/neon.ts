/** Neon: HTTP for one-shot statements (three round trips to the first answer), WebSocket where a session is needed. */
import type { Executor } from '../database.ts';
import { DEADLINES_MS } from '../deadlines.ts';
import { DRIVER_CLIENT, type DrivenDatabase } from '../driver-client.ts';
import { DatabaseUsageError, failure } from '../errors.ts';
import { type DatabaseUrl, parseDatabaseUrl } from '../url.ts';
import { types } from './decode.ts';
import { lazyDatabase } from './lazy.ts';
import { attachToPlatform, loadNeon, loadWebSocket } from './load.ts';
import { CONNECT_MS, IDLE_MS, MAX_CONNECTIONS, pooledDatabase } from './pool.ts';

export interface NeonOptions {
  /** Origin of a stand-in that speaks Neon's protocols, like `http://127.0.0.1:4444`. Default: Neon itself. */
  readonly endpoint?: string;
}

type Neon = Awaited<ReturnType<typeof loadNeon>>;

/** One HTTP request per statement: no session, so no interactive transaction. */
export function neonHttp(url: string, options: NeonOptions = {}): DrivenDatabase {
  const target = parseDatabaseUrl(url);
  return lazyDatabase({ driver: 'neon-http', address: target.address }, async () =>
    overHttp(await loadNeon(), target, options),
  );
}

function overHttp(library: Neon, target: DatabaseUrl, options: NeonOptions): DrivenDatabase {
  // Next.js gives server code a `fetch` that may cache, even a POST.
  const sql = library.neon(reachable(library, target, options), { fetchOptions: { cache: 'no-store' } });
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

  const refuse = async () => {
    throw new DatabaseUsageError(
      'transaction_unsupported',
      "Neon's HTTP driver has no interactive transactions. Connect with the driver 'neon' (the default for Neon's hosts), " +
        "or put queue.statement(...) into one sql.transaction([...]) of Neon's driver.",
    );
  };
  return {
    driver: 'neon-http',
    address: target.address,
    execute,
    transaction: refuse,
    [DRIVER_CLIENT]: async () => ({ client: sql, lend: refuse }),
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
export function neonWebSocket(url: string, options: NeonOptions = {}): DrivenDatabase {
  const target = parseDatabaseUrl(url);
  const known = { driver: 'neon-websocket', address: target.address } as const;
  return lazyDatabase(known, async () => {
    const [library, webSocket] = await Promise.all([loadNeon(), loadWebSocket()]);
    const pool = new library.Pool({
      connectionString: reachable(library, target, options),
      max: MAX_CONNECTIONS,
      idleTimeoutMillis: IDLE_MS,
      connectionTimeoutMillis: CONNECT_MS,
    });
    pool.Client = clientFor(library, webSocket, options);
    await attachToPlatform(pool);
    return pooledDatabase(pool, known);
  });
}

/** The driver for Neon's hosts: `execute` by HTTP, `transaction` and drizzle by WebSocket, which opens only if they are used. */
export function neon(url: string, options: NeonOptions = {}): DrivenDatabase {
  const http = neonHttp(url, options);
  const webSocket = neonWebSocket(url, options);
  return {
    driver: 'neon',
    address: http.address,
    execute: http.execute,
    transaction: webSocket.transaction,
    [DRIVER_CLIENT]: webSocket[DRIVER_CLIENT],
    async close() {
      await Promise.all([http.close(), webSocket.close()]);
    },
  };
}

/** The URL for Neon's driver. A stand-in is addressed as if it were the database: it knows where that really is. */
function reachable({ neonConfig }: Neon, { href }: DatabaseUrl, { endpoint }: NeonOptions): string {
  if (endpoint === undefined) return href;
  const { host, hostname, port, origin } = new URL(endpoint);
  const url = new URL(href);
  url.hostname = hostname;
  url.port = port;
  redirectHttp(neonConfig, host, origin);
  return url.href;
}

const origins = new Map<string, string>();

/** The driver takes the address of its HTTP endpoint from a global alone, so a stand-in is told by its own host and port. */
function redirectHttp(neonConfig: Neon['neonConfig'], host: string, origin: string): void {
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

function clientFor(
  { Client }: Neon,
  webSocket: Awaited<ReturnType<typeof loadWebSocket>>,
  { endpoint }: NeonOptions,
): Neon['Client'] {
  return class extends Client {
    constructor(...config: ConstructorParameters<Neon['Client']>) {
      super(...config);
      const { neonConfig: socket } = this;
      if (webSocket !== undefined) socket.webSocketConstructor = webSocket;
      if (endpoint === undefined) return;
      const { host, protocol } = new URL(endpoint);
      socket.wsProxy = () => `${host}/v2`;
      socket.useSecureWebSocket = protocol === 'https:';
      socket.pipelineConnect = false; // only Neon's own proxy takes a password before it was asked for one
    }
  };
}
