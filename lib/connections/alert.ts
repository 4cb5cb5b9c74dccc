/** Tells people that a connection was paused, or is in danger: where the queue's own alerts go. Never keeps a job from its work. */

import { alertText, postAlert } from '@conversure/jobqueue';
import { alertWebhookUrl } from '../config.ts';
import { log } from '../log.ts';
import type { Connection, Pause } from './provider.ts';

/** One message to `ALERT_WEBHOOK_URL`; without it the log line that pausing writes has to do. Never rejects. */
export function alertPaused({ companyId, provider }: Connection, { code, reason }: Pause): Promise<void> {
  const what = alertText`*${provider}* of company *${companyId}* is paused (${code}): ${reason}`;
  const next =
    "Its jobs wait. Fix the cause, then resume the connection on the company's page or by POST /api/connections.";
  return alert({ companyId, provider }, `:red_circle: ${what}\n${next}`);
}

/** The same, of something that Meta told of a company's account and that stops nothing yet. */
export function alertAccount(
  companyId: string,
  { severity, message }: { readonly severity: 'warning' | 'critical'; readonly message: string },
): Promise<void> {
  log.warn({ companyId, severity, message }, 'whatsapp_account');
  const sign = severity === 'critical' ? ':red_circle:' : ':large_yellow_circle:';
  const what = alertText`*whatsapp* of company *${companyId}*: ${message}`;
  return alert({ companyId, provider: 'whatsapp' }, `${sign} ${what}\nLook at the account in WhatsApp Manager.`);
}

async function alert({ companyId, provider }: Connection, text: string): Promise<void> {
  try {
    const webhookUrl = alertWebhookUrl();
    if (webhookUrl !== undefined) await postAlert(webhookUrl, text);
  } catch (error) {
    log.warn({ companyId, provider, error }, 'connection_alert_failed');
  }
}
