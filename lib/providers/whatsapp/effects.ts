/**
 * Maps error codes of the Cloud API to their effect on the sender. Meta says to use `code`, never titles, subcodes or the HTTP
 * status: throttling arrives as 400. The table follows Meta's list of error codes as of v25.0.
 */

export type Effect =
  /** Later, this message again. */
  | 'retry'
  /** It may have been processed: never blindly again. */
  | 'ambiguous'
  /** Nothing goes out of this app, this account, this number for a while. */
  | 'throttle_app'
  | 'throttle_account'
  | 'throttle_number'
  /** Nothing goes to this person for a while; everybody else is served. */
  | 'throttle_pair'
  /** An operator has to act before anything more is sent on this connection. */
  | 'pause_channel'
  | 'pause_campaign'
  /** Every further message of the campaign would fail the same way. */
  | 'fail_campaign'
  /** Meta has paused or disabled the template: it may come back. */
  | 'pause_template'
  /** The message was filled in with something that Meta refuses: one person's values or, where nobody's is taken, the template. */
  | 'fail_parameters'
  | 'fail_message'
  /** This number cannot be reached by WhatsApp. */
  | 'unreachable'
  /** More than 24 h since the person wrote: only a template may be sent. */
  | 'window_closed'
  /** Meta's own cap of marketing messages to this person: at most once more, not within a day. */
  | 'capped'
  /** The person stopped marketing from this business. */
  | 'opted_out';

interface Known {
  readonly effect: Effect;
  readonly words: string;
}

const of = (effect: Effect, codes: Readonly<Record<number, string>>): [number, Known][] =>
  Object.entries(codes).map(([code, words]) => [Number(code), { effect, words }]);

const KNOWN: ReadonlyMap<number, Known> = new Map([
  ...of('pause_channel', {
    0: 'the access token could not be checked',
    3: 'the app may not use this method',
    10: 'the app lacks a permission',
    190: 'the access token has expired or was revoked',
    368: 'the account is blocked for a policy violation',
    131005: 'access denied: the token lacks a permission',
    131031: 'the account is locked',
    131037: 'the display name is not approved',
    131042: 'there is a problem with the payment method',
    131044: 'the payment method cannot be charged',
    131045: 'the number has no valid certificate',
    133010: 'the number is not registered',
  }),
  ...of('throttle_app', { 4: 'the app has made too many calls' }),
  ...of('throttle_account', {
    80007: 'the WhatsApp account has made too many calls',
    80008: 'there were too many calls for templates of this account',
  }),
  ...of('throttle_number', { 130429: 'too many messages a second from this number' }),
  ...of('throttle_pair', { 131056: 'too many messages to this person in a short time' }),
  ...of('retry', {
    131016: 'the service was unavailable',
    131057: 'the account was in maintenance',
    133004: 'the server was unavailable',
  }),
  ...of('ambiguous', { 131000: 'something went wrong at Meta' }),
  ...of('fail_message', {
    33: 'the number or object does not exist',
    100: 'a parameter was refused',
    130472: 'the person is part of an experiment of Meta',
    130497: 'the business may not write to people of this country',
    131021: 'sender and recipient are the same number',
    131030: 'the recipient is not on the list of this test number',
    131051: 'this type of message is not supported',
    131052: 'the media of the message could not be loaded',
    131053: 'the media of the message could not be stored',
    131062: 'this kind of recipient cannot be written to',
    132068: 'the flow is blocked',
    132069: 'the flow is throttled',
    135000: 'the request was refused without a reason',
  }),
  ...of('unreachable', { 131026: 'the person cannot be reached by WhatsApp' }),
  ...of('window_closed', { 131047: 'more than 24 hours since the person wrote' }),
  ...of('capped', { 131049: 'Meta keeps this person from more marketing messages for now' }),
  ...of('opted_out', { 131050: 'the person stopped marketing messages' }),
  ...of('pause_campaign', {
    131048: 'too many people blocked or reported this number',
    131063: 'marketing templates are disabled for this account',
    131064: 'too many templates were reclassified',
  }),
  ...of('fail_campaign', {
    132001: 'the template does not exist in this language',
    132007: 'the template violates a policy',
  }),
  ...of('pause_template', {
    132015: 'the template is paused',
    132016: 'the template is disabled',
  }),
  ...of('fail_parameters', {
    131008: 'a required parameter is missing',
    131009: 'a parameter has a wrong value',
    132000: 'the number of parameters does not match the template',
    132005: 'the text is too long once the parameters are filled in',
    132008: 'a parameter of the template was refused',
    132012: 'a parameter has another format than the template',
    132018: 'the parameters do not fit the template',
  }),
]);

export interface Hint {
  /** Meta's own word; it decides unknown codes only. */
  readonly isTransient?: boolean;
  readonly status?: number;
}

/** The effect of `code`; of one that the table does not hold by what the answer says of itself. */
export function effectOf(code: number, { isTransient = false, status = 400 }: Hint = {}): Effect {
  if (code >= 200 && code <= 299) return 'pause_channel'; // permissions, all of them
  // API unknown, API service: with a 4xx they were refused, with a 5xx nobody knows
  if (code === 1 || code === 2) return status >= 500 ? 'ambiguous' : 'retry';
  if ((code === 131052 || code === 131053) && status >= 500) return 'retry';
  const known = KNOWN.get(code);
  if (known) return known.effect;
  if (status >= 500) return 'ambiguous';
  if (isTransient) return 'retry';
  return status === 401 || status === 403 ? 'pause_channel' : 'fail_message';
}

/** The meaning of a code in words; null if the table does not have it. */
export function wordsOf(code: number): string | null {
  if (code >= 200 && code <= 299) return 'the app or its user lacks a permission';
  if (code === 1 || code === 2) return 'Meta had a temporary problem';
  return KNOWN.get(code)?.words ?? null;
}
