/** Classifies errors of Postgres, or of the connection to it: may the sender repeat the statement? Pure. */

/** The SQLSTATE of a driver's error, unwrapped from drizzle's; null if no answer came. */
export function sqlstateOf(error: unknown): string | null {
  for (let e = error, depth = 0; typeof e === 'object' && e !== null && depth < 5; depth++) {
    if ('code' in e && typeof e.code === 'string' && /^[0-9A-Z]{5}$/.test(e.code)) return e.code;
    e = 'cause' in e ? e.cause : null;
  }
  return null;
}

/**
 * - `rejected`: a value in the statement is at fault (data exception, constraint, a program limit such as nesting depth)
 * - `permanent`: no repetition helps (no such function or database, no permission, wrong password)
 * - `transient`: everything else, a lost connection, a restart or a deadlock among them; the statement may have committed
 */
export function classifyError(error: unknown): 'rejected' | 'permanent' | 'transient' {
  const sqlstate = sqlstateOf(error);
  if (sqlstate === null) return 'transient';
  if (/^(?:22|23|54)/.test(sqlstate)) return 'rejected';
  return /^(?:42|3D|3F|28|0A|P0|2F|38|39)/.test(sqlstate) ? 'permanent' : 'transient';
}

/** Atomic and rolled back, so that it can be repeated at once. */
export function isSerializationFailure(error: unknown): boolean {
  const sqlstate = sqlstateOf(error);
  return sqlstate === '40P01' || sqlstate === '40001';
}

/** A lock was not to be had within `lock_timeout`; nothing was written. */
export function isLockTimeout(error: unknown): boolean {
  return sqlstateOf(error) === '55P03';
}
