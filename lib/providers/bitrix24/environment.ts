/** The deployment's own portal, for companies that have named none. Read when it is used. */

/** `BITRIX24_WEBHOOK_URL`, a secret; null if it is unset. */
export function bitrix24WebhookUrl(): string | null {
  return process.env.BITRIX24_WEBHOOK_URL || null;
}
