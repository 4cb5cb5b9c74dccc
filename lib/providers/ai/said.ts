/** A vendor's refusal, read from whichever JSON shape it has: OpenAI's and those of servers that only resemble it, or Google's. Pure. */
import type { APICallError } from 'ai';
import { z } from 'zod';

export interface Said {
  readonly code: string;
  readonly message: string;
  /** The field of the request that it is about; null if it does not say. */
  readonly param: string | null;
  readonly isQuota: boolean;
  readonly isBadKey: boolean;
  readonly retryAfterMs: number | null;
  /** Text that the model wrote and the provider refused to pass on as JSON; null: nothing. */
  readonly written: string | null;
}

/** 429 of these never ends by waiting a minute; the SDK calls them retryable all the same. */
const OUT_OF_MONEY = new Set([
  'insufficient_quota',
  'billing_hard_limit_reached',
  'credit_balance_exhausted',
  'organization_spend_limit_exceeded',
  'project_spend_limit_exceeded',
  'organization_usage_limit_exceeded',
]);

/** `null`: the answer is no JSON object, so it came from something else than the API. */
export function saidBy(error: APICallError, status: number): Said | null {
  const body = bodyOf(error);
  const google = Google.safeParse(body);
  if (google.success) return googleSays(google.data);
  const refusal = Refusal.safeParse(body);
  return refusal.success ? openAiSays(refusal.data, status) : null;
}

const text = z.string().nullish().catch(null);
const Fields = z.looseObject({
  message: z.unknown().optional(),
  type: text,
  code: z.coerce.string().nullish().catch(null),
  param: text,
  failed_generation: text,
});
/**
 * `{error: {message, type, code, param}}` of OpenAI, Azure and Ollama; `{error: 'words', code}` of xAI and LM Studio; the fields
 * themselves of Mistral and older vLLM; `{detail}` of FastAPI.
 */
const Refusal = Fields.extend({ error: z.unknown().optional(), detail: z.unknown().optional() });

function openAiSays({ error, detail, ...outer }: z.output<typeof Refusal>, status: number): Said {
  const inner = Fields.safeParse(error);
  const { message, type, code, param, failed_generation } = inner.success ? inner.data : outer;
  const names = [code ?? '', type ?? ''];
  return {
    code: code || type || `http_${status}`,
    message: worded(message ?? detail ?? (inner.success ? '' : error)),
    param: param || null,
    isQuota: names.some((name) => OUT_OF_MONEY.has(name)),
    isBadKey: code === 'invalid_api_key',
    retryAfterMs: null,
    written: failed_generation ?? null,
  };
}

/** Lists of what is wrong with a request come as JSON. */
function worded(message: unknown): string {
  if (typeof message === 'string') return message;
  return message === undefined || message === null ? '' : JSON.stringify(message);
}

const Google = z.object({
  error: z.object({
    message: z.string().catch(''),
    status: z.string(),
    details: z.array(z.looseObject({ '@type': z.string().catch('') })).nullish(),
  }),
});

/** Limits and waits are in `details`; of several limits that were hit, one per day decides. */
function googleSays({ error: { message, status, details } }: z.output<typeof Google>): Said {
  const all = JSON.stringify(details ?? []);
  const delay = /"retryDelay":"(\d+(?:\.\d+)?)s"/.exec(all)?.[1];
  return {
    code: status,
    message,
    param: null,
    isQuota: status === 'RESOURCE_EXHAUSTED' && /"quotaId":"[^"]*PerDay/.test(all),
    isBadKey: all.includes('"API_KEY_INVALID"') || status === 'FAILED_PRECONDITION',
    retryAfterMs: delay === undefined ? null : Math.ceil(Number(delay) * 1000),
    written: null,
  };
}

/** Google's endpoint for OpenAI's clients wraps its error in a list. */
function bodyOf({ data, responseBody }: APICallError): unknown {
  const body = data ?? parsed(responseBody ?? '');
  return Array.isArray(body) ? body[0] : body;
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    if (error instanceof SyntaxError) return null; // a page
    throw error;
  }
}
