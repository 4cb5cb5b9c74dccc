/** Posts to a webhook. Its URL is a secret: nothing here shows it, nor what it answered. */
import { text as checkText, number, refusal } from '../core/options.ts';

/** The reason for which a post failed, without a word of where it went. */
export class WebhookError extends Error {
  override readonly name = 'WebhookError';
}

/** A drain or a job waits for the webhook, and one that does not answer is asked again later. */
export const POST_MS = 5_000;
/** A longer text Slack cuts. */
const ALERT_CHARS = 40_000;
/** Names from outside stand in a sentence: a user's application name, a prepared transaction's. Ten such lines are one message of Slack's. */
const SENTENCE_CHARS = 400;

/**
 * Text of an alert of `postAlert`: a template whose values come from outside. Each value becomes one line of at most 400
 * characters in which nothing is read as markup, a link or a mention; the template's own text stays as it is.
 *
 * @example
 * alertText`:red_circle: *${provider}* is paused: ${reason}`;
 */
export function alertText(template: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  return String.raw({ raw: template }, ...values.map((value) => escaped(String(value))));
}

/**
 * Posts an alert of your own to a webhook that takes what Slack takes, such as the queue's `alerts.webhookUrl`. Resolves once it
 * has taken the message. Write `text` (1 to 40,000 characters, Slack's own bound) with `alertText`. `timeoutMs`: 1 to 5,000, the default.
 * Throws QueueError `option_invalid`, and WebhookError if the webhook refused or did not answer in time. No error shows the URL.
 */
export async function postAlert(
  webhookUrl: string,
  text: string,
  { timeoutMs = POST_MS }: { readonly timeoutMs?: number } = {},
): Promise<void> {
  const where = { call: 'postAlert' };
  if (!isWebUrl(webhookUrl)) throw refusal('webhookUrl', 'expected an http or https URL, got something else', where);
  checkText('text', text, ALERT_CHARS, where);
  await post(webhookUrl, { text }, number('timeoutMs', timeoutMs, { min: 1, max: POST_MS }, where));
}

/** True for an address that a browser or a webhook can have. */
export function isWebUrl(url: string): boolean {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
}

/** Slack's own three escapes, and one line stays one line. */
export function escaped(text: string): string {
  const line = text.replace(/\s+/g, ' ').slice(0, SENTENCE_CHARS);
  return line.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Resolves once the webhook has taken the message. Throws WebhookError if it refused, or did not answer within `timeoutMs`. */
export async function post(webhookUrl: string, message: object, timeoutMs: number): Promise<void> {
  const response = await fetch(webhookUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(message),
    redirect: 'error', // whoever redirects it would get what the webhook's owner should
    cache: 'no-store',
    signal: AbortSignal.timeout(Math.max(1, Math.floor(timeoutMs))),
  }).catch((error: unknown) => {
    // The error itself is dropped: its causes name the host, an invalid URL even the whole of it.
    const isLate = error instanceof DOMException && error.name === 'TimeoutError';
    throw new WebhookError(isLate ? `no answer within ${Math.floor(timeoutMs)} ms` : 'it cannot be reached');
  });
  await response.body?.cancel().catch(() => undefined); // whatever it goes on to say, its status has been said
  if (!response.ok) throw new WebhookError(`it answered ${response.status}`);
}
