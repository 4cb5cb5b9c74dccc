/** Tells people that a connection was paused: where the queue's own alerts go. Never keeps a job from its work. */
import { alertWebhookUrl } from '../config.ts';
import { escaped, post } from '../jobqueue/webhook.ts';
import { log } from '../log.ts';
import type { Connection, Pause } from './provider.ts';

/** A job waits for it. */
const POST_MS = 5_000;

/** One message to `ALERT_WEBHOOK_URL`; without it the log line that pausing writes has to do. Never rejects. */
export async function alertPaused({ companyId, provider }: Connection, { code, reason }: Pause): Promise<void> {
  try {
    const webhookUrl = alertWebhookUrl();
    if (webhookUrl === undefined) return;
    const what = `*${escaped(provider)}* of company *${escaped(companyId)}* is paused (${escaped(code)}): ${escaped(reason)}`;
    const next = 'Its jobs wait. Mend it, then resume it: POST /api/connections.';
    await post(webhookUrl, { text: `:red_circle: ${what}\n${next}` }, POST_MS);
  } catch (error) {
    log.warn({ companyId, provider, error }, 'connection_alert_failed');
  }
}
