/** Maps errors of Bitrix24's REST API to effects, by code, else by HTTP status. */

export type Effect =
  /** The leaky bucket is full: in a moment. */
  | 'throttled'
  /** The method has used up its time: not before the portal says. */
  | 'blocked'
  /** An operator has to act. */
  | 'pause'
  /** Nobody knows whether it was done. */
  | 'ambiguous'
  /** The item is not there. */
  | 'not_found'
  /** This request will never be accepted. */
  | 'permanent';

const CODES: Readonly<Record<string, Effect>> = {
  QUERY_LIMIT_EXCEEDED: 'throttled',
  OPERATION_TIME_LIMIT: 'blocked',
  OVERLOAD_LIMIT: 'pause',
  INTERNAL_SERVER_ERROR: 'ambiguous',
  ERROR_UNEXPECTED_ANSWER: 'ambiguous',
  PORTAL_DELETED: 'pause',
  NO_AUTH_FOUND: 'pause',
  EXPIRED_TOKEN: 'pause',
  INVALID_CREDENTIALS: 'pause',
  INSUFFICIENT_SCOPE: 'pause',
  USER_ACCESS_ERROR: 'pause',
  ALLOWED_ONLY_INTRANET_USER: 'pause',
  PAYMENT_REQUIRED: 'pause',
  INVALID_REQUEST: 'pause', // HTTPS is required: the connection is set up wrong
  NOT_FOUND: 'not_found',
  CRM_FIELD_ERROR_VALUE_NOT_VALID: 'permanent',
  '100': 'permanent',
  INVALID_ARG_VALUE: 'permanent',
  CREATE_DYNAMIC_ITEM_RESTRICTED: 'permanent',
  ERROR_BATCH_LENGTH_EXCEEDED: 'permanent',
  ERROR_BATCH_METHOD_NOT_ALLOWED: 'permanent',
};

/** ACCESS_DENIED is two things: with a 403 the plan or user may not use REST at all, with a 400 this item is not to be touched. */
export function effectOf(code: string, status: number): Effect {
  const known = CODES[code.toUpperCase()];
  if (known) return known;
  if (code.toUpperCase() === 'ACCESS_DENIED') return status === 403 || status === 401 ? 'pause' : 'permanent';
  if (status === 429 || status === 503) return 'throttled';
  if (status === 408 || status >= 500) return 'ambiguous';
  return status === 401 || status === 402 || status === 403 ? 'pause' : 'permanent';
}
