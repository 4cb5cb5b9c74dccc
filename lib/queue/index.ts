/** Composition root: the one queue of this deployment. Connects when first used, so importing it needs no database. */

import { createQueue } from '@conversure/jobqueue';
import { kickAfter } from '@conversure/jobqueue/next';
import { database } from '@conversure/jobqueue/postgres';
import { alertWebhookUrl, consoleUrl, databaseSleepMs, environment, logJobs, maxDurationMs } from '../config.ts';
import { log, logEvent } from '../log.ts';
import { jobs, schedules } from './jobs.ts';
import { sleepOptions } from './sleep.ts';

const kick = kickAfter({ failed: (error) => log.error({ error }, 'kick') });

export const queue = createQueue({
  database,
  jobs,
  schedules,
  environment: environment(),
  maxDurationMs: maxDurationMs(),
  alerts: { webhookUrl: alertWebhookUrl(), consoleUrl: consoleUrl() },
  log: logEvent,
  logJobs: logJobs(),
  kick,
  ...sleepOptions(databaseSleepMs(), kick.waitUntil),
});
