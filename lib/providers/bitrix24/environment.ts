/** The deployment's own portal, used by companies that name none. Read at each use. */

/** `BITRIX24_WEBHOOK_URL`, a secret; null if it is unset. */
export function bitrix24WebhookUrl(): string | null {
  return process.env.BITRIX24_WEBHOOK_URL || null;
}
