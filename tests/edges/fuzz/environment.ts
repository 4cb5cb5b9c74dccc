/** A deployment's environment, and what the server of Next.js sets up. Imported before anything else, because the log reads it as it loads. */
import { AsyncLocalStorage } from 'node:async_hooks';

/** Each of its own, so that one that opens another's door is found. */
export const SECRETS = {
  CRON_SECRET: 'cron-secret-0123456789',
  OPERATOR_SECRET: 'operator-secret-0123456789',
  VIEWER_SECRET: 'viewer-secret-0123456789',
  QUEUE_API_KEY: 'queue-api-key-0123456789',
  METRICS_SECRET: 'metrics-secret-0123456789',
  WHATSAPP_APP_SECRET: 'whatsapp-app-secret-0123456789',
  WHATSAPP_VERIFY_TOKEN: 'whatsapp-verify-token-0123456789',
  BITRIX24_APPLICATION_TOKEN: 'bitrix24-application-token-0123456789',
} as const;
export type Secret = keyof typeof SECRETS;

Object.assign(process.env, SECRETS, { LOG_LEVEL: process.env.FUZZ_LOG ?? 'silent', SECRETS_KEY: 'a'.repeat(64) });

(globalThis as { AsyncLocalStorage?: unknown }).AsyncLocalStorage = AsyncLocalStorage;

/** Settings that are drawn at random may name any host: nothing leaves this process. */
globalThis.fetch = () => Promise.reject(new TypeError('fetch failed'));
