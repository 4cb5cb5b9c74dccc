/** Explains a driver's error: its meaning and the next step. Pure; never a password, a payload or a value. */

export type DatabaseFailure =
  | 'url_invalid'
  | 'refused'
  | 'host_unknown'
  | 'credentials'
  | 'database_missing'
  | 'session_unfit'
  | 'not_migrated'
  | 'not_permitted'
  | 'tls'
  | 'timeout'
  | 'read_only'
  | 'cancelled'
  | 'locked'
  | 'full'
  | 'busy'
  | 'closed'
  | 'pooler'
  | 'conflict'
  | 'internal';

/** The meaning of a database error for an operator. */
export interface Diagnosis {
  readonly failure: DatabaseFailure;
  /** The meaning and the next step, in sentences. */
  readonly says: string;
  /** The server's own words; null if it said nothing, as a network does. */
  readonly answer: { readonly sqlstate: string; readonly words: string } | null;
}

/** Diagnoses an error of any driver, wrapped or not. `null` if the statement itself is at fault: such an error may quote values. */
export function diagnose(error: unknown): Diagnosis | null {
  for (const { code, message } of causes(error)) {
    const rule = RULES.find(
      ({ codes, about, pattern }) =>
        (codes?.includes(code) && about?.test(message) !== false) || pattern?.test(message),
    );
    if (!rule) continue;
    return { failure: rule.failure, says: rule.says, answer: answerOf(code, message) };
  }
  return null;
}

/** The meaning, then the server's words with their SQLSTATE. */
export function inFull({ says, answer }: Diagnosis): string {
  return answer === null ? says : `${says} The server says: ${answer.words} (${answer.sqlstate}).`;
}

/** A proxy may answer with a page; of a sentence the first line says enough. */
const MOST_WORDS = 400;

function answerOf(code: string, message: string): Diagnosis['answer'] {
  // every SQLSTATE of a server has a digit; EPIPE and EPERM have none
  if (!/^(?=.*\d)[0-9A-Z]{5}$/.test(code)) return null;
  return { sqlstate: code, words: (message.split('\n')[0] ?? '').slice(0, MOST_WORDS) };
}

interface Rule {
  readonly failure: DatabaseFailure;
  /** SQLSTATE, or the code of a Node.js system or TLS error. */
  readonly codes?: readonly string[];
  /** Restricts codes that mean us only when they name our schema. Servers speak many languages: only names can be looked for. */
  readonly about?: RegExp;
  /** Recognises drivers that say it in words only. */
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
    failure: 'session_unfit',
    pattern: /^jobqueue needs /, // see check_session_1.sql, which says what to run
    says: 'a setting of this session changes the meaning of our statements. Set it for the role, then reconnect.',
  },
  {
    failure: 'not_migrated',
    codes: ['3F000', '42883', '42P01'], // undefined schema, function or table
    about: /\bjobqueue\b|^schema "|\.(?:\w+_\d+|add_jobs?)\(|\.(?:jobs|job_history|environment|migrations)"/, // whatever the schema is called
    says: "the database answers, but the queue's schema or a function of this version is missing. Run npx jobqueue migrate against it, then try again.",
  },
  {
    failure: 'not_permitted',
    codes: ['42501'],
    says: 'this role lacks a right. Connect as the role that ran the migrations, or let that role run the grants that "npx @conversure/jobqueue doctor" prints: usage on the queue\'s schema, its tables and its sequences.',
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
    failure: 'read_only',
    codes: ['25006'],
    says: 'the database takes no writes. It may be a replica, in a failover, or frozen by its provider (storage, quota): point the URL at the primary or lift the limit. If only the role says so: alter role … set default_transaction_read_only = off.',
  },
  {
    failure: 'cancelled',
    codes: ['57014'],
    says: 'a statement was cancelled. If statement_timeout did it, raise it to 5 s or more for this role, and see in pg_stat_activity what the statement waits for.',
  },
  {
    failure: 'locked',
    codes: ['55P03'],
    says: 'a lock was not free in time. Find its holder in pg_stat_activity (pg_blocking_pids), end that transaction, or raise lock_timeout for this role.',
  },
  {
    failure: 'full',
    codes: ['53100', '53200', '53400'],
    says: 'the server lacks disk, memory or another resource. Free or add some; enqueued jobs stay.',
  },
  {
    failure: 'busy',
    // too many connections; starting up or shutting down
    codes: ['53300', '57P03'],
    says: 'the server takes no more connections at the moment. Try again shortly; if it lasts, use the pooled URL or raise max_connections.',
  },
  {
    failure: 'closed',
    codes: ['ECONNRESET', 'EPIPE', '57P01', '57P02', '57P05', '25P03', '25P04', '08000', '08006', '08003', '08001'],
    pattern: /connection terminated|connection ended unexpectedly|socket hang up/i,
    says: 'the server closed the connection. Try again; if it lasts, look into the log of the server or pooler.',
  },
  {
    failure: 'pooler',
    // a protocol violation, and a prepared statement of another session: what poolers answer for faults of all kinds
    codes: ['08P01', '26000', '42P05'],
    says: 'the pooler or the server gave up on this connection. Its words say why: a full pool, a parameter or prepared statements that it does not support, or a server behind it that does not answer.',
  },
  {
    failure: 'conflict',
    codes: ['40001', '40P01'],
    says: "other transactions blocked each try. Try again; if it persists, find the holders of locks on the queue's tables in pg_stat_activity.",
  },
  {
    failure: 'internal',
    codes: ['XX000', 'XX001', 'XX002', '58000', '58030'],
    says: "the server or a proxy before it reports a fault of its own. Its words say which; look into its log, or its provider's console.",
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
