/** Incidents as one message to a webhook that takes what Slack takes. */

import { type CheckResult, describeCheck, linkTo, nextStep } from '../core/describe-check.ts';
import { duration } from '../core/duration.ts';
import type { Notice } from '../postgres/statements/watch.ts';
import { escaped } from './post.ts';

/** Alerts about incidents. All options are optional. */
export interface AlertOptions {
  /** Takes a POST of `{ "text": … }`: an incoming webhook of Slack, or whatever reads the same. Without it incidents are only logged. */
  readonly webhookUrl?: string | undefined;
  /** The address of the console, such as https://queue.example.com: alerts, incidents and health link to the page that shows what is wrong. */
  readonly consoleUrl?: string | undefined;
  /** The name of this queue in alerts; default 'jobqueue'. */
  readonly name?: string;
  /** The longest that the webhook may take to answer, ms; default and at most 5,000, because a drain waits for it. */
  readonly timeoutMs?: number;
}

/** All notices, ten at most, as one message, a line each. */
export function messageOf(
  notices: readonly Notice[],
  { name = 'jobqueue', consoleUrl }: AlertOptions,
): { readonly text: string } {
  const lines = notices.map((notice) => lineOf(notice, consoleUrl));
  return { text: [`*${escaped(name)}*`, ...lines].join('\n') };
}

/** Fact and limit, since when, the next step, where to look. */
function lineOf(notice: Notice, consoleUrl: string | undefined): string {
  const { kind, check, subject, openedMs, lastedMs } = notice;
  const found = foundOf(notice);
  const url = linkTo(consoleUrl, found);
  const link = url === null ? '' : ` ${escaped(url)}`;
  const what = `*${escaped(check)}*${subject === '' ? '' : ` ${escaped(subject)}`}`;
  if (kind === 'green') return `:white_check_mark: ${what} is well again after ${duration(lastedMs)}.${link}`;
  const since = `${new Date(openedMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  return `:red_circle: ${what}: ${escaped(describeCheck(found))}. Red since ${since}. Next: ${escaped(nextStep(found))}.${link}`;
}

/** Postgres leaves out what is null. */
export function foundOf({ check, subject, value = null, limit = null, data = {} }: Notice): CheckResult {
  return { name: check, subject, value, limit, data };
}
