/** Maps every error of a model provider to its effect. Pure. */
import { APICallError } from 'ai';
import type { Failure, Refusal } from './answer.ts';
import { type Said, saidBy } from './said.ts';

/** The provider will not write an answer to this text. */
const UNWRITABLE = new Set([
  'content_policy_violation',
  'content_filter',
  'invalid_prompt',
  'data_inspection_failed',
  'responsibleaipolicyviolation',
]);
/** The same in words: xAI says it with 403 and DeepSeek with the code of any bad request. */
const UNWRITABLE_WORDS =
  /\b(?:prompt|input|content|text)\b.{0,40}(?:flagged|violat|inappropriate)|rejected as a result of our safety system|content exists risk|content (?:management|filtering) policy/i;
/**
 * Google says INVALID_ARGUMENT to a bad key and to a long prompt alike; only the details and the words differ. OpenAI says 429 to
 * a request that is larger than what a whole minute may hold.
 */
const TOO_LONG =
  /context_length_exceeded|string_above_max_length|input token count.*exceeds|maximum context length|prompt is too long|exceeds? (?:the )?(?:available )?context|request too large|must be reduced in order to run/i;
/** The form that the answer was asked in, and not the question, is what this server or model does not know. */
const FORM =
  /response[_ ]?format|response[_ ]?(?:json)?[_ ]?schema|json[_ ](?:schema|object|mode)|structured[_ ]outputs?|guided[_ ](?:json|decoding)|requested parameters/i;
/** A model that this provider does not have, whatever the status. */
const NO_MODEL =
  /\bmodel\b.{0,80}\b(?:not (?:exist|found|available|a valid)|unknown|decommissioned|deprecated|does not exist)|(?:invalid|unknown|unsupported|not a valid|no such) model\b|no models? loaded|model[_ ]not[_ ]|unexpected model name/i;
/** Fields of a request that differ between messages; all others are the company's settings. */
const OF_THE_MESSAGE = /^(?:messages|input|contents|prompt)\b/;
const LONGEST_MESSAGE = 300;
/** The vendors bill no answer of these; behind a gateway's 502 or 504 the model may have worked all the same. */
const UNBILLED = new Set([408, 409, 500, 503, 529]);

/** `apiKey` is taken out of every word of the answer: OpenAI repeats a part of a wrong key in its message. */
export function failureOf(error: unknown, apiKey: string | null): Failure {
  if (!APICallError.isInstance(error) || error.statusCode === undefined) return unanswered(error, apiKey);
  const said = saidBy(error, error.statusCode);
  if (said === null) return pageFailure(error, error.statusCode, apiKey);
  const status = error.statusCode < 400 && STATUS.test(said.code) ? Number(said.code) : error.statusCode;
  const why = refusal(said.code, said.message === '' ? error : said.message, apiKey);
  const words = `${said.code} ${said.message}`;
  const mayBlameForm = status === 400 || status === 404 || status === 422 || status === 500 || status === 501;
  if (mayBlameForm && said.code !== 'json_validate_failed' && FORM.test(`${words} ${said.param}`))
    return { kind: 'unsupported', ...why };
  if (status < 400 || status >= 500 || status === 408 || status === 409)
    return { kind: 'transient', unbilled: UNBILLED.has(status), ...why };
  if (said.isQuota || status === 402) return { kind: 'quota', ...why };
  if (TOO_LONG.test(words) || status === 413) return { kind: 'too_long', ...why };
  if (status === 429)
    return { kind: 'throttled', retryAfterMs: said.retryAfterMs ?? retryAfterMs(error.responseHeaders), ...why };
  return refusedBy(said, status, why);
}

/** OpenRouter answers 200 with the status of the model's server in the body. */
const STATUS = /^[45]\d\d$/;

/** Everything of a request but its messages is the same for every customer: a refusal of that is a matter of settings. */
function refusedBy(said: Said, status: number, why: Refusal): Failure {
  const words = `${said.code} ${said.message}`;
  if (status !== 401 && (UNWRITABLE.has(said.code.toLowerCase()) || UNWRITABLE_WORDS.test(said.message)))
    return { kind: 'blocked', ...why };
  if (said.code === 'json_validate_failed') return { kind: 'unparsable', text: said.written ?? '', ...why };
  if (said.isBadKey || SETTINGS.has(status) || NO_MODEL.test(words)) return { kind: 'config', ...why };
  if (said.param !== null && !OF_THE_MESSAGE.test(said.param)) return { kind: 'config', ...why };
  return { kind: 'refused', ...why };
}

/** Key, permission, address or method are wrong. */
const SETTINGS = new Set([401, 403, 404, 405, 410]);

/** A page instead of JSON: a gateway's of an overload, which passes, or that of a web server where no API is. */
function pageFailure(error: APICallError, status: number, apiKey: string | null): Failure {
  if (status === 429)
    return {
      kind: 'throttled',
      retryAfterMs: retryAfterMs(error.responseHeaders),
      ...refusal('http_429', error, apiKey),
    };
  if (status === 413) return { kind: 'too_long', ...refusal('http_413', error, apiKey) };
  const isApiGone = status < 400 ? isPage(error) : status < 500 && status !== 408 && status !== 409;
  if (!isApiGone)
    return { kind: 'transient', unbilled: UNBILLED.has(status), ...refusal(`http_${status}`, error, apiKey) };
  const message = `status ${status} without JSON: no API answers there, check the base URL`;
  return { kind: 'config', ...refusal(`http_${status}`, message, apiKey) };
}

/** JSON that broke off is no page. */
function isPage({ responseBody, responseHeaders }: APICallError): boolean {
  return /^\s*</.test(responseBody ?? '') || /text\/html/.test(responseHeaders?.['content-type'] ?? '');
}

/** No answer at all: the network, or an address that cannot be called. */
function unanswered(error: unknown, apiKey: string | null): Failure {
  const code = causeCode(error);
  const why = refusal(code, error, apiKey);
  if (UNCALLABLE.has(code) || /unknown scheme/.test(why.message)) return { kind: 'config', ...why };
  return { kind: 'transient', unbilled: BEFORE_SENDING.has(code), ...why };
}

/** The last one: https to a server that speaks http. */
const UNCALLABLE = new Set(['ERR_INVALID_URL', 'ERR_SSL_WRONG_VERSION_NUMBER']);

/** `retry-after-ms`, or `Retry-After` in seconds or as a date. */
function retryAfterMs(headers: Record<string, string> = {}): number | null {
  const ms = Number(headers['retry-after-ms'] ?? Number.NaN);
  if (ms >= 0) return ms;
  const after = headers['retry-after'];
  if (after === undefined) return null;
  const seconds = Number(after);
  if (seconds >= 0) return seconds * 1000;
  const at = Date.parse(after);
  return Number.isNaN(at) ? null : Math.max(0, at - Date.now());
}

/** Errors of before the connection stood; a reset may come after the request was read. */
const BEFORE_SENDING = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']);

function causeCode(error: unknown): string {
  // five: fetch wraps undici's error, which wraps the socket's
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++)
    if ('code' in cause && typeof cause.code === 'string') return cause.code;
  return nameOf(error);
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}

/** `said`: the provider's words, or the error that has to do without them. */
export function refusal(code: string, said: unknown, apiKey: string | null): Refusal {
  const message = said instanceof Error ? said.message : String(said);
  return {
    code: withoutKeys(code, apiKey).slice(0, 100),
    message: withoutKeys(message, apiKey).slice(0, LONGEST_MESSAGE),
  };
}

function withoutKeys(text: string, apiKey: string | null): string {
  const known = apiKey ? text.replaceAll(apiKey, '[key]') : text;
  return known.replace(/\b(?:sk|pk|rk)-[\w*.-]{4,}|\bAIza[\w*-]{10,}|\bBearer\s+\S+/g, '[key]');
}
