/** The environment, checked with zod when a variable is read (a build needs none of them), and the limits of the edges. */
import ms, { type StringValue } from 'ms';
import { z } from 'zod';

const MIB = 1024 * 1024;

export const EDGE_LIMITS = {
  /** One file or one part of a file: the platform refuses bodies above 4.5 MB, and below that the refusal is ours, in our words. */
  uploadBytes: 4 * MIB,
  /** A form with such a file and its multipart frame, still below the platform's 4.5 MB. */
  formBytes: 4 * MIB + 64 * 1024,
  /** A name, a secret and where to go next: strangers send it. */
  loginBytes: 16 * 1024,
  /** Meta batches up to 1,000 changes into a webhook of at most 3 MB. */
  webhookBytes: 3 * MIB,
} as const;

export type SecretName =
  | 'CRON_SECRET'
  | 'OPERATOR_SECRET'
  | 'VIEWER_SECRET'
  | 'QUEUE_API_KEY'
  | 'METRICS_SECRET'
  | 'WHATSAPP_APP_SECRET'
  | 'WHATSAPP_VERIFY_TOKEN'
  | 'BITRIX24_APPLICATION_TOKEN';

const seconds = z.coerce.number().int().min(10).max(3600);

/**
 * The longest that one function call may take, in ms, if the platform does not say: `JOBQUEUE_MAX_DURATION` seconds, default 300,
 * the longest that every plan allows. Must not exceed `maxDuration` in vercel.json.
 */
export function maxDurationMs(): number {
  const value = seconds.default(300).safeParse(process.env.JOBQUEUE_MAX_DURATION);
  if (value.success) return value.data * 1000;
  throw new Error(
    `JOBQUEUE_MAX_DURATION: expected whole seconds from 10 to 3600, got ${process.env.JOBQUEUE_MAX_DURATION}`,
  );
}

/**
 * The longest that ticks without work leave the database asleep, in ms: `DATABASE_SLEEP`, such as 1h. Unset or empty: never.
 * Accepts one minute to one day: a shorter sleep has no effect, and a longer one delays jobs that were enqueued past the queue.
 */
export function databaseSleepMs(): number | undefined {
  const value = process.env.DATABASE_SLEEP ?? '';
  if (value === '') return undefined;
  const found = value.length <= 20 ? ms(value as StringValue) : Number.NaN;
  if (found >= 60_000 && found <= 86_400_000) return found;
  throw new Error(`DATABASE_SLEEP: expected a duration from 1m to 24h, such as 1h, got ${value}`);
}

/**
 * The environment of this process: `JOBQUEUE_ENVIRONMENT`, else `VERCEL_ENV` (production, preview, development). Drains do not
 * touch a database that belongs to another environment. Undefined if neither is set, as in development and on a server of your
 * own.
 */
export function environment(): string | undefined {
  return process.env.JOBQUEUE_ENVIRONMENT || process.env.VERCEL_ENV || undefined;
}

/** The URL that alerts are posted to: `ALERT_WEBHOOK_URL`, a secret. Unset or empty: alerts are only logged. */
export function alertWebhookUrl(): string | undefined {
  const value = z
    .union([z.literal(''), z.url({ protocol: /^https?$/ })])
    .safeParse(process.env.ALERT_WEBHOOK_URL ?? '');
  if (value.success) return value.data === '' ? undefined : value.data;
  throw new Error('ALERT_WEBHOOK_URL: expected an http or https URL, got something else'); // not what: it may be half a secret
}

/**
 * The public address of the console, used for links in alerts: `CONSOLE_URL`, else the production domain that Vercel names.
 * Undefined elsewhere: alerts have no link.
 */
export function consoleUrl(): string | undefined {
  const own = process.env.CONSOLE_URL ?? '';
  const domain = process.env.VERCEL_PROJECT_PRODUCTION_URL ?? '';
  const value = own !== '' || domain === '' ? own : `https://${domain}`;
  const url = z.union([z.literal(''), z.url({ protocol: /^https?$/ })]).safeParse(value);
  if (url.success) return url.data === '' ? undefined : url.data;
  throw new Error(`CONSOLE_URL: expected an http or https URL, got ${own}`);
}

export function logLevel(): string {
  return z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .catch('info')
    .parse(process.env.LOG_LEVEL);
}

/** The jobs that are logged, `JOBQUEUE_LOG_JOBS`: failed ones, all, or none. */
export function logJobs(): 'failures' | 'all' | 'none' {
  return z.enum(['failures', 'all', 'none']).catch('failures').parse(process.env.JOBQUEUE_LOG_JOBS);
}
