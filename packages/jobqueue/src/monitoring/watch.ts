/** Keeps watch: drains look at the queue's health in passing and tell of what turned red or well again, enqueues notice missing ticks. */
import { randomUUID } from 'node:crypto';
import { describeCheck, linkTo, nextStep } from '../core/describe-check.ts';
import { checkGuard, type Guard, guardsOf } from '../core/guard.ts';
import type { Job } from '../core/job.ts';
import type { Log } from '../core/log.ts';
import { type Names, number, onlyKnown, refusal } from '../core/options.ts';
import { type HealthOptions, type Thresholds, thresholdsOf } from '../core/thresholds.ts';
import { atMostMs, type SleepOptions } from '../drain/sleep-hint.ts';
import type { MaintenanceTask, TaskContext } from '../maintenance/maintenance.ts';
import type { Executor } from '../postgres/database.ts';
import { functionsOf } from '../postgres/statements/functions.ts';
import { confirmNotices, type Notice, type WatchAnswer, watch } from '../postgres/statements/watch.ts';
import { type AlertOptions, foundOf, isWebUrl, messageOf, POST_MS, post, WebhookError } from './webhook.ts';

/** Time left for the confirmation when the drain ends. */
const CONFIRM_MS = 250;
/** A confirmation that got lost makes people hear of it twice. */
const CONFIRM_TRIES = 3;
/** The interval at which the enqueues of one process check the last tick. */
const ENQUEUE_ASKS_EVERY_MS = 60_000;
const ENQUEUE_ANSWER_MS = 5_000;

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

/** The maintenance task of each drain: watch_1 looks in its exchange, and what that hands out is told beside the jobs. */
export function incidentsTask(options: WatchOptions): MaintenanceTask {
  return {
    name: 'watch',
    request: () => requestOf(options),
    run: (answer, context) => tell(options, answer as WatchAnswer, context),
  };
}

/**
 * Called after each enqueue. Once a minute it checks beside the request if ticks still come, because without ticks nothing else
 * would notice. Never throws and never delays the request; `waitUntil` keeps the invocation alive for it.
 */
export function missedTickMonitor(
  options: WatchOptions,
  database: () => Executor,
  waitUntil: (promise: Promise<unknown>) => void,
): () => void {
  let askedAtMs = Number.NEGATIVE_INFINITY;

  async function ask(): Promise<void> {
    const untilMs = performance.now() + ENQUEUE_ANSWER_MS + POST_MS;
    const executor = database();
    const answer = await watch(executor, { ...requestOf(options), enqueue: true }, ENQUEUE_ANSWER_MS);
    if (answer !== null) await tell(options, answer, { executor, untilMs: () => untilMs });
  }

  return () => {
    const now = performance.now();
    if (now - askedAtMs < ENQUEUE_ASKS_EVERY_MS) return;
    askedAtMs = now;
    waitUntil(ask().catch((error: unknown) => options.log('error', 'watch_failed', { error })));
  };
}

function requestOf({ thresholds, guards, environment }: WatchOptions): object {
  const asStored = Object.entries(guards).map(([type, { failureRatio, minAttempts }]) => [
    type,
    { failureRatio, of: minAttempts }, // as watch_1.sql reads it
  ]);
  return { token: randomUUID(), thresholds, guards: Object.fromEntries(asStored), environment };
}

/** Posts, then confirms. If the process dies in between, a later tick sends the notice again. */
async function tell(
  options: WatchOptions,
  answer: WatchAnswer,
  { executor, untilMs }: Omit<TaskContext, 'brought'>,
): Promise<void> {
  const { log, alerts } = options;
  const { notices, failed } = answer;
  if (failed !== undefined) log('error', 'watch_failed', { message: failed });
  if (notices.length === 0) return;
  if (alerts.webhookUrl !== undefined) {
    const leftMs = untilMs() - performance.now() - CONFIRM_MS;
    if (leftMs <= 0) return;
    try {
      await post(alerts.webhookUrl, messageOf(notices, alerts), Math.min(alerts.timeoutMs ?? POST_MS, leftMs));
    } catch (error) {
      if (!(error instanceof WebhookError)) throw error;
      log('error', 'alert_failed', { reason: error.message, incidents: notices.map(({ id }) => id) });
      return;
    }
  }
  for (const notice of notices) logNotice(log, notice, alerts.consoleUrl);
  await confirm(executor, answer);
}

async function confirm(executor: Executor, answer: WatchAnswer): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await confirmNotices(executor, answer);
    } catch (error) {
      if (tries === CONFIRM_TRIES) throw error;
    }
  }
}

function logNotice(log: Log, notice: Notice, consoleUrl: string | undefined): void {
  const { id, check, subject, openedMs, lastedMs } = notice;
  if (notice.kind === 'green') {
    log('info', 'incident_closed', { id, check, subject, lastedMs });
    return;
  }
  const found = foundOf(notice);
  log('warn', 'incident_opened', {
    ...{
      id,
      check,
      subject,
      detail: describeCheck(found),
      since: new Date(openedMs).toISOString(),
      next: nextStep(found),
    },
    url: linkTo(consoleUrl, found),
  });
}
