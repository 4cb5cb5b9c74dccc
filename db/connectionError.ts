/** Says in one sentence why the database cannot be used: which variable, which host, what to do next. Never a password. */
import { DatabaseUsageError } from './errors.ts';
import { parseDatabaseUrl } from './url.ts';

export type ConnectionVariable = 'DATABASE_URL' | 'DATABASE_URL_UNPOOLED';

export type ConnectionFailure =
  | 'url_invalid'
  | 'refused'
  | 'host_unknown'
  | 'credentials'
  | 'database_missing'
  | 'not_migrated'
  | 'not_permitted'
  | 'tls'
  | 'timeout'
  | 'busy'
  | 'closed';

/** Fit for a terminal and a log. `cause` is the driver's error. */
export class UnusableDatabaseError extends Error {
  override readonly name = 'UnusableDatabaseError';
  readonly failure: ConnectionFailure;

  constructor(failure: ConnectionFailure, message: string, options?: { cause: unknown }) {
    super(message, options);
    this.failure = failure;
  }
}

/**
 * Translates what any of the drivers threw, wrapped or not. `null` when the connection is not to blame: then the error is the
 * statement's own. `address` is `host:port/database`, as `Database.address` and `addressOf` give it.
 */
export function connectionError(
  error: unknown,
  { variable, address }: { variable: ConnectionVariable; address: string },
): UnusableDatabaseError | null {
  for (const { code, message } of causes(error)) {
    const rule = RULES.find(({ codes, pattern }) => codes?.includes(code) || pattern?.test(message));
    if (!rule) continue;
    // The parser's error carries the whole URL, password included.
    const cause = rule.failure === 'url_invalid' ? undefined : { cause: error };
    return new UnusableDatabaseError(rule.failure, `${variable} (${address}): ${rule.says}`, cause);
  }
  return null;
}

/** `host:port/database` of a connection URL. Any other text gives words instead of itself: it may hold a password. */
export function addressOf(url: string): string {
  try {
    return parseDatabaseUrl(url).address;
  } catch (error) {
    if (error instanceof DatabaseUsageError) return 'not a postgres:// URL';
    throw error;
  }
}

interface Rule {
  readonly failure: ConnectionFailure;
  /** SQLSTATE, or the code of a Node.js system or TLS error. */
  readonly codes?: readonly string[];
  /** For drivers that say it in words only, and for codes that mean us only when they name our schema. */
  readonly pattern?: RegExp;
  readonly says: string;
}

/** The first that fits decides; so the narrower stand above the wider. */
const RULES: readonly Rule[] = [
  {
    failure: 'url_invalid',
    codes: ['ERR_INVALID_URL', 'database_url_invalid'],
    pattern: /^Invalid URL|connection string (?:provided )?(?:to `neon\(\)` )?is not a valid URL/i,
    says: 'this is not a connection URL. Expected postgres://user:password@host:5432/database, with special characters in the password percent-encoded.',
  },
  {
    failure: 'not_migrated',
    // undefined schema, function or table: SQLSTATE 3F000, 42883, 42P01
    pattern: /^(?:schema "jobqueue"|function jobqueue\.|relation "jobqueue\.).*does not exist/,
    says: 'the database answers, but the schema jobqueue or a function of this version is missing. Run npm run db:migrate against it, then try again.',
  },
  {
    failure: 'not_permitted',
    pattern: /^permission denied for (?:schema|function|table) (?:jobqueue|add_jobs?|step_)/,
    says: 'this user may not use the schema jobqueue. Connect as the user that ran the migrations, or grant usage on the schema and execute on its functions.',
  },
  {
    failure: 'tls',
    codes: [
      'SELF_SIGNED_CERT_IN_CHAIN',
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      'CERT_HAS_EXPIRED',
      'ERR_TLS_CERT_ALTNAME_INVALID',
      'EPROTO',
    ],
    pattern: /does not support SSL|connection is insecure|no pg_hba\.conf entry.*(?:no encryption|SSL off)/i,
    says: 'the server and this client do not agree on TLS. For a remote host add ?sslmode=require (and sslrootcert=… for a private authority); for a local server without TLS use ?sslmode=disable.',
  },
  {
    failure: 'credentials',
    codes: ['28P01', '28000'],
    pattern: /password authentication failed|client password must be a string|no password supplied/i,
    says: 'the server refused this user or password. Check both, and percent-encode special characters in the password.',
  },
  {
    failure: 'database_missing',
    codes: ['3D000'],
    says: 'the server has no database of that name. Create it, or correct the last part of the URL.',
  },
  {
    failure: 'host_unknown',
    codes: ['ENOTFOUND', 'EAI_AGAIN'],
    says: 'no such host. Check its spelling, and whether this machine can look up names.',
  },
  {
    failure: 'refused',
    codes: ['ECONNREFUSED'],
    says: 'nothing listens there. Start PostgreSQL, or check host and port.',
  },
  {
    failure: 'timeout',
    codes: ['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT'],
    pattern: /timeout expired|connection timeout|timeout exceeded when trying to connect|^TimeoutError/i,
    says: 'no answer in time. Check the host, and that a firewall or an IP allow-list lets this machine through; a suspended database may need a second try.',
  },
  {
    failure: 'busy',
    // too many connections; starting up or shutting down
    codes: ['53300', '57P03'],
    says: 'the server takes no more connections at the moment. Try again shortly; if it lasts, use the pooled URL or raise max_connections.',
  },
  {
    failure: 'closed',
    codes: ['ECONNRESET', 'EPIPE', '57P01', '08006', '08003', '08001'],
    pattern: /connection terminated|connection ended unexpectedly|socket hang up/i,
    says: 'the server closed the connection. Try again; if it lasts, look into the log of the server or pooler.',
  },
];

interface Cause {
  readonly code: string;
  readonly message: string;
}

/** The error and what it wraps: `cause` (drizzle, fetch), `sourceError` (Neon), `errors` (Node.js, one per address tried). */
function causes(error: unknown): Cause[] {
  const found: Cause[] = [];
  let level: unknown[] = [error];
  // Five wrappers are the most that there are: drizzle, our driver, Neon, fetch, and one error per address.
  for (let depth = 0; depth <= 5; depth++) {
    const errors = level.filter((each): each is Wrapper => each instanceof Error);
    found.push(...errors.map(({ code, message }) => ({ code: typeof code === 'string' ? code : '', message })));
    level = errors.flatMap(({ cause, sourceError, errors }) => [cause, sourceError, ...(errors ?? [])]);
  }
  return found;
}

type Wrapper = Error & { code?: unknown; cause?: unknown; sourceError?: unknown; errors?: readonly unknown[] };
