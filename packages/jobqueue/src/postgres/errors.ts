/** Errors around a statement rather than in it: wrong usage, a missing answer, a migration. */

export type DatabaseUsageCode =
  | 'database_url_missing'
  | 'database_url_invalid'
  | 'database_url_pooled'
  | 'database_closed'
  | 'database_foreign'
  | 'driver_missing'
  | 'transaction_unsupported'
  | 'transaction_aborted'
  | 'transaction_ended'
  | 'transactions_exhausted';

/** A mistake of the caller, with a stable `code`. Nothing of the refused call was written. */
export class DatabaseUsageError extends Error {
  override readonly name = 'DatabaseUsageError';
  readonly code: DatabaseUsageCode;

  constructor(code: DatabaseUsageCode, message: string, options?: { cause: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/**
 * No answer of Postgres: refused, cut or timed out. It has no `code` because no SQLSTATE came. If `sent`, the statement may have
 * committed all the same. `cause` is the driver's own error.
 */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly sent: boolean;

  constructor(message: string, { cause, sent }: { cause: unknown; sent: boolean }) {
    super(message, { cause });
    this.sent = sent;
  }
}

/** A migration that cannot be applied: the message names the file and what to do; `cause` is Postgres' own error. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

/**
 * The error that a driver rejects with, by our contract: an error of Postgres unchanged, with its SQLSTATE; every network failure
 * as a `ConnectionError` that names `address`.
 */
export function failure(error: unknown, address: string, { sent = true }: { sent?: boolean } = {}): unknown {
  if (isRefusal(error) || error instanceof DatabaseUsageError || error instanceof ConnectionError) return error;
  if (isUnsendable(error)) return error;
  return new ConnectionError(`no answer from ${address}: ${reasonOf(error)}`, { cause: error, sent });
}

/** Postgres itself said no: the statement changed nothing. */
export function isRefusal(error: unknown): error is Error & { code: string; severity: string } {
  // The severity decides: Node's EPIPE and EPERM have the shape of an SQLSTATE, and a DOMException's code is a number.
  return (
    error instanceof Error &&
    'severity' in error &&
    typeof error.severity === 'string' &&
    error.severity !== '' &&
    'code' in error &&
    typeof error.code === 'string' &&
    /^[0-9A-Z]{5}$/.test(error.code)
  );
}

/** A parameter that no driver can encode (a cycle, a symbol); the network's own TypeErrors always carry a cause. */
function isUnsendable(error: unknown): boolean {
  return error instanceof TypeError && error.cause === undefined;
}

function reasonOf(error: unknown): string {
  // Node tries every address of a name and reports them together, with an empty message of its own.
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ');
  // A WebSocket fails with an event, not with an error.
  if (typeof error === 'object' && error !== null && 'message' in error && error.message) return String(error.message);
  return 'the connection failed';
}
