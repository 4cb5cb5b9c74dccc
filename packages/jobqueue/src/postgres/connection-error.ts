/** Says in one sentence why the database cannot be used: which variable, which host, what to do next. Never a password. */
import { type DatabaseFailure, diagnose, inFull } from '../core/diagnosis.ts';
import { DatabaseUsageError } from './errors.ts';
import { parseDatabaseUrl } from './url.ts';

/** The environment variable that an error names. */
export type ConnectionVariable = 'DATABASE_URL' | 'DATABASE_URL_UNPOOLED';

/** Fit for a terminal and a log. `cause` is the driver's error. */
export class UnusableDatabaseError extends Error {
  override readonly name = 'UnusableDatabaseError';
  readonly failure: DatabaseFailure;

  constructor(failure: DatabaseFailure, message: string, options?: { cause: unknown }) {
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
  const diagnosis = diagnose(error);
  if (diagnosis === null) return null;
  // The parser's error carries the whole URL, password included.
  const cause = diagnosis.failure === 'url_invalid' ? undefined : { cause: error };
  return new UnusableDatabaseError(diagnosis.failure, `${variable} (${address}): ${inFull(diagnosis)}`, cause);
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
