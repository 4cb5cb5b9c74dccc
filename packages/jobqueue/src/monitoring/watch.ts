/** Keeps watch: drains look at the queue's health in passing and tell of what turned red or well again. */
import { randomUUID } from 'node:crypto';
import { describeCheck, linkTo, nextStep } from '../core/describe-check.ts';
import type { Log } from '../core/log.ts';
import type { MaintenanceTask, TaskContext } from '../maintenance/maintenance.ts';
import type { Executor } from '../postgres/database.ts';
import { confirmNotices, type Notice, type WatchAnswer, watch } from '../postgres/statements/watch.ts';
import { POST_MS, post, WebhookError } from './post.ts';
import type { WatchOptions } from './watch-options.ts';
import { foundOf, messageOf } from './webhook.ts';

/** Time left for the confirmation when the drain ends. */
const CONFIRM_MS = 250;
/** A confirmation that got lost makes people hear of it twice. */
const CONFIRM_TRIES = 3;
const ENQUEUE_ANSWER_MS = 5_000;

/** The maintenance task of each drain: watch_1 looks in its exchange, and what that hands out is told beside the jobs. */
export function incidentsTask(options: WatchOptions): MaintenanceTask {
  return {
    name: 'watch',
    request: () => requestOf(options),
    run: (answer, context) => tell(options, answer as WatchAnswer, context),
  };
}

/** Asks whether the ticks still come, beside the request that enqueued; without this nobody else would notice. */
export async function askForTicks(options: WatchOptions, executor: Executor): Promise<void> {
  const untilMs = performance.now() + ENQUEUE_ANSWER_MS + POST_MS;
  const answer = await watch(executor, { ...requestOf(options), enqueue: true }, ENQUEUE_ANSWER_MS);
  if (answer !== null) await tell(options, answer, { executor, untilMs: () => untilMs });
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
