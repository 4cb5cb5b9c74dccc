/** The watch options of a queue, checked: thresholds, guards, and the address of alerts. Pure. */
import { checkGuard, type Guard, guardsOf } from '../core/guard.ts';
import type { Job } from '../core/job.ts';
import type { Log } from '../core/log.ts';
import { type Names, number, onlyKnown, refusal } from '../core/options.ts';
import { type HealthOptions, type Thresholds, thresholdsOf } from '../core/thresholds.ts';
import { atMostMs, type SleepOptions } from '../drain/sleep-hint.ts';
import { functionsOf } from '../postgres/statements/functions.ts';
import { isWebUrl, POST_MS } from './post.ts';
import type { AlertOptions } from './webhook.ts';

export interface WatchOptions {
  readonly thresholds: Thresholds;
  readonly guards: Readonly<Record<string, Guard>>;
  readonly alerts: AlertOptions;
  readonly log: Log;
  readonly environment: string | null;
}

export interface WatchDeclaration {
  readonly environment: string | null;
  /** The name of the queue's schema, checked. */
  readonly schema: string;
  readonly health?: HealthOptions;
  readonly alerts?: AlertOptions;
  readonly guard?: Guard;
  readonly sleep?: SleepOptions;
}

const ALERT_NAMES: Names<AlertOptions> = { webhookUrl: true, consoleUrl: true, name: true, timeoutMs: true };

/** A queue's watch options, checked. Throws QueueError `option_invalid`. */
export function watchOptions(
  { environment, schema, health = {}, alerts = {}, guard, sleep }: WatchDeclaration,
  jobs: ReadonlyMap<string, Job>,
  log: Log,
): WatchOptions {
  checkAlerts(alerts);
  if (guard) checkGuard(guard, { call: 'createQueue', at: 'guard.' });
  const thresholds = thresholdsOf(health, jobs.values(), functionsOf(schema), sleep ? atMostMs(sleep) : 0);
  return { thresholds, guards: guardsOf(jobs.values(), guard), alerts, log, environment };
}

/** Throws QueueError `option_invalid`; its message does not show the URL. */
export function checkAlerts(alerts: AlertOptions): void {
  const where = { call: 'createQueue', at: 'alerts.' };
  onlyKnown(alerts, ALERT_NAMES, where);
  const { webhookUrl, consoleUrl, timeoutMs = POST_MS } = alerts;
  for (const [option, url] of Object.entries({ webhookUrl, consoleUrl }))
    if (url !== undefined && !isWebUrl(url))
      throw refusal(option, 'expected an http or https URL, got something else', where);
  number('timeoutMs', timeoutMs, { min: 1, max: POST_MS }, where);
}
