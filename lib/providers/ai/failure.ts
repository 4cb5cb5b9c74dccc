/** What a model provider's error means for us: the whole table. Pure. */
import { APICallError } from 'ai';
import { z } from 'zod';
import type { Failure, Refusal } from './answer.ts';

/** 429 of these never ends by waiting a minute; the SDK calls them retryable all the same. */
const OUT_OF_MONEY = new Set([
  'insufficient_quota',
  'billing_hard_limit_reached',
  'credit_balance_exhausted',
  'organization_spend_limit_exceeded',
  'project_spend_limit_exceeded',
  'organization_usage_limit_exceeded',
]);
const UNWRITABLE = new Set(['content_policy_violation', 'content_filter']);
/** Google says INVALID_ARGUMENT to a bad key and to a long prompt alike; only the details and the words differ. */
const TOO_LONG = /context_length_exceeded|string_above_max_length|input token count.*exceeds|maximum context length/i;
const LONGEST_MESSAGE = 300;
/** The vendors bill no answer of these; behind a gateway's 502 or 504 the model may have worked all the same. */
const UNBILLED = new Set([408, 409, 500, 503, 529]);

const OpenAi = z.object({
  error: z.object({
    message: z.string().catch(''),
    type: z.string().nullish().catch(null),
    code: z.coerce.string().nullish().catch(null),
  }),
});
const Google = z.object({
  error: z.object({
    message: z.string().catch(''),
    status: z.string(),
    details: z.array(z.looseObject({ '@type': z.string().catch('') })).nullish(),
  }),
});

/** `apiKey` is taken out of every word of the answer: OpenAI repeats a part of a wrong key in its message. */
export function failureOf(error: unknown, apiKey: string | null): Failure {
  if (!APICallError.isInstance(error))
    return { kind: 'transient', unbilled: false, ...refusal(nameOf(error), error, apiKey) };
  const { statusCode: status } = error;
  if (status === undefined)
    return { kind: 'transient', unbilled: neverLeft(error), ...refusal(causeCode(error), error, apiKey) };
  const body = bodyOf(error);
  const google = Google.safeParse(body);
  const said = google.success ? googleSays(google.data) : openAiSays(OpenAi.safeParse(body).data, status);
  const why = refusal(said.code, said.message === '' ? error : said.message, apiKey);
  if (status < 400 || status >= 500 || status === 408 || status === 409)
    return { kind: 'transient', unbilled: UNBILLED.has(status), ...why };
  if (status === 429)
    return said.isQuota
      ? { kind: 'quota', ...why }
      : { kind: 'throttled', retryAfterMs: said.retryAfterMs ?? retryAfterMs(error.responseHeaders), ...why };
  if (said.isQuota || status === 402) return { kind: 'quota', ...why };
  if (status === 401 || status === 403 || status === 404 || said.isBadKey) return { kind: 'config', ...why };
  if (UNWRITABLE.has(said.code)) return { kind: 'blocked', ...why };
  if (TOO_LONG.test(`${said.code} ${said.message}`) || status === 413) return { kind: 'too_long', ...why };
  return { kind: 'refused', ...why };
}

interface Said {
  readonly code: string;
  readonly message: string;
  readonly isQuota: boolean;
  readonly isBadKey: boolean;
  readonly retryAfterMs: number | null;
}

function openAiSays(data: z.output<typeof OpenAi> | undefined, status: number): Said {
  const { message = '', type, code } = data?.error ?? {};
  return {
    code: code || type || `http_${status}`,
    message,
    isQuota: OUT_OF_MONEY.has(code ?? '') || OUT_OF_MONEY.has(type ?? ''),
    isBadKey: code === 'invalid_api_key',
    retryAfterMs: null,
  };
}

/** Limits and waits stand in `details`; of several limits that were hit, one per day decides. */
function googleSays({ error: { message, status, details } }: z.output<typeof Google>): Said {
  const all = JSON.stringify(details ?? []);
  const delay = /"retryDelay":"(\d+(?:\.\d+)?)s"/.exec(all)?.[1];
  const isBadKey = all.includes('"API_KEY_INVALID"') || status === 'FAILED_PRECONDITION';
  return {
    code: status,
    message,
    isQuota: status === 'RESOURCE_EXHAUSTED' && /"quotaId":"[^"]*PerDay/.test(all),
    isBadKey,
    retryAfterMs: delay === undefined ? null : Math.ceil(Number(delay) * 1000),
  };
}

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

function bodyOf({ data, responseBody }: APICallError): unknown {
  if (data !== undefined) return data;
  try {
    return JSON.parse(responseBody ?? '');
  } catch (error) {
    if (error instanceof SyntaxError) return null; // a proxy's page
    throw error;
  }
}

/** Errors of before the connection stood; a reset may come after the request was read. */
const BEFORE_SENDING = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']);

function neverLeft(error: unknown): boolean {
  return BEFORE_SENDING.has(causeCode(error));
}

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
