/**
 * One call of the Cloud API, and what came of it. No retries: Meta has no idempotency key, so whether a message may be sent
 * again is for its sender to decide, who knows what was recorded before.
 */
import { z } from 'zod';
import { codeOf, neverLeft } from '../failed-call.ts';
import { type Effect, effectOf, wordsOf } from './effects.ts';
import { wamid } from './events.ts';
import { bodyOf, faultOf, type WhatsAppMessage } from './message.ts';

export interface WhatsAppAccount {
  readonly baseUrl: string;
  /** Like v25.0: it stands in the URL. */
  readonly version: string;
  readonly phoneNumberId: string;
  /** A secret. Sent in a header, never part of a URL, a log line or an error. */
  readonly accessToken: string;
}

export interface WhatsAppError {
  readonly code: number;
  readonly message: string;
  readonly details: string | null;
  readonly status: number;
  readonly traceId: string | null;
  readonly effect: Effect;
  /** Meta sends none; a proxy's may lengthen a wait, never shorten it. */
  readonly retryAfterMs: number | null;
}

/** The outcome of one call. */
export type SendOutcome =
  | {
      readonly kind: 'accepted';
      readonly wamid: string;
      /** Meta's id of the person; may differ from the number that was written to. */
      readonly waId: string;
      readonly state: 'accepted' | 'held_for_quality_assessment' | 'paused';
    }
  /** Meta refused it: it was not sent. */
  | { readonly kind: 'refused'; readonly error: WhatsAppError }
  /** It provably never left us: sending again is safe. */
  | { readonly kind: 'unsent'; readonly error: Error }
  /** It may have been sent. */
  | { readonly kind: 'unknown'; readonly error: Error };

/** Meta answers in a second or two; a function should not be billed for a minute of silence. */
const TIMEOUT_MS = 20_000;

const Accepted = z.object({
  /** Holds one of the two, depending on how the person was named. */
  contacts: z
    .array(z.object({ wa_id: z.string().optional(), user_id: z.string().optional() }))
    .optional()
    .catch(undefined),
  messages: z
    .array(
      z.object({
        id: wamid,
        message_status: z.enum(['accepted', 'held_for_quality_assessment', 'paused']).catch('accepted'),
      }),
    )
    .min(1),
});

export const ErrorEnvelope = z.object({
  error: z.object({
    message: z.string().catch(''),
    code: z.number().int(),
    is_transient: z.boolean().optional(),
    error_data: z.object({ details: z.string().optional() }).optional().catch(undefined),
    fbtrace_id: z.string().optional(),
  }),
});

/** Sends one message under `opaqueId`, which comes back in the webhooks that tell of it. Never throws for what came of the call. */
export async function sendMessage(
  account: WhatsAppAccount,
  message: WhatsAppMessage,
  { opaqueId, signal }: { opaqueId: string; signal: AbortSignal },
): Promise<SendOutcome> {
  const fault = faultOf(message, opaqueId);
  if (fault !== null) return { kind: 'refused', error: ours(fault) };
  if (signal.aborted) return { kind: 'unsent', error: new Error('the job was told to end before the call') };
  const body = JSON.stringify(bodyOf(message, opaqueId));
  const answer = await call(account, `${account.phoneNumberId}/messages`, { method: 'POST', body, signal });
  if (answer.kind !== 'answered') return answer;
  const { status, json, retryAfterMs } = answer;
  const accepted = status === 200 ? Accepted.safeParse(json) : null;
  if (accepted?.success) {
    const { messages, contacts } = accepted.data;
    const [first] = messages as [(typeof messages)[number]];
    const waId = contacts?.[0]?.wa_id ?? contacts?.[0]?.user_id ?? message.to.replace('+', '');
    return { kind: 'accepted', wamid: first.id, waId, state: first.message_status };
  }
  const error = errorOf(status, json, retryAfterMs);
  if (error === null)
    return { kind: 'unknown', error: new Error(`WhatsApp answered ${status} with a body that is no answer`) };
  if (error.effect === 'ambiguous') return { kind: 'unknown', error: new Error(inShort(error)) };
  return { kind: 'refused', error };
}

/** The cheapest call that needs a valid token and number; answers what is wrong, or null. */
export async function checkCredentials(account: WhatsAppAccount, signal: AbortSignal): Promise<string | null> {
  const answer = await call(account, account.phoneNumberId, { method: 'GET', signal });
  if (answer.kind !== 'answered') return answer.error.message;
  if (answer.status === 200) return null;
  const error = errorOf(answer.status, answer.json, null);
  return error === null ? `WhatsApp answered ${answer.status}` : inShort(error);
}

/** Code and meaning in our words: Meta's own message may quote what was sent. */
export function inShort({ code, message }: WhatsAppError): string {
  return `WhatsApp error ${code}: ${wordsOf(code) ?? message}`;
}

type Called =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly json: unknown;
      readonly retryAfterMs: number | null;
    }
  | Extract<SendOutcome, { kind: 'unsent' | 'unknown' }>;

/** One request. Never throws for what came of it. */
export async function call(
  { baseUrl, version, accessToken }: WhatsAppAccount,
  path: string,
  init: { method: string; body?: string; signal: AbortSignal },
): Promise<Called> {
  if (!/^v\d+\.\d+$/.test(version))
    return { kind: 'unsent', error: new Error(`expected a Graph version like v25.0, got ${version.slice(0, 20)}`) };
  let response: Response;
  try {
    response = await fetch(`${baseUrl}/${version}/${path}`, {
      ...init,
      headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
      redirect: 'error', // whoever redirects it would get the token
      signal: AbortSignal.any([init.signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
  } catch (error) {
    return neverLeft(error)
      ? { kind: 'unsent', error: new Error(`WhatsApp cannot be reached (${codeOf(error)})`) }
      : { kind: 'unknown', error: new Error(`WhatsApp did not answer (${codeOf(error)})`) };
  }
  const text = await response.text().catch(() => null);
  if (text === null) return { kind: 'unknown', error: new Error('WhatsApp broke off its answer') };
  return { kind: 'answered', status: response.status, json: parsed(text), retryAfterMs: retryAfterOf(response) };
}

export function errorOf(status: number, json: unknown, retryAfterMs: number | null): WhatsAppError | null {
  const envelope = ErrorEnvelope.safeParse(json);
  if (!envelope.success) return null;
  const { code, message, is_transient: isTransient, error_data: data, fbtrace_id: traceId } = envelope.data.error;
  return {
    code,
    message,
    details: data?.details ?? null,
    status,
    traceId: traceId ?? null,
    effect: effectOf(code, { status, ...(isTransient !== undefined && { isTransient }) }),
    retryAfterMs,
  };
}

/** Our own refusal. It counts like Meta's «a parameter was refused», and never stops the whole campaign. */
function ours(fault: string): WhatsAppError {
  return {
    code: 100,
    message: fault,
    details: fault,
    status: 0,
    traceId: null,
    effect: 'fail_message',
    retryAfterMs: null,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // a proxy's page
  }
}

/** Seconds only: no vendor here sends a date. An hour at most: a mistake must not silence a number for a day. */
function retryAfterOf(response: Response): number | null {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 3600) * 1000 : null;
}
