/** Operators' actions on incidents: list them, say that they take care of one, and keep a check's alerts back for a while. */

import { type Actor, actorOf, reasonOf } from '../core/actor.ts';
import { CHECK_NAMES, describeCheck, linkTo, nextStep, pageOf } from '../core/describe-check.ts';
import { idOf, integer, refused } from '../core/options.ts';
import { isStorableText } from '../core/serialize.ts';
import type { Executor } from '../postgres/database.ts';
import * as store from '../postgres/statements/incidents.ts';
import { dateOf } from '../postgres/statements/rows.ts';
import { type IncidentRow, newestIncidents } from '../postgres/statements/watch.ts';

const LISTED = 100;
/** A mute that nobody remembers hides the next incident. */
const LONGEST_MUTE_MS = 30 * 24 * 3_600_000;
const SUBJECT_CHARS = 100;
const ALL = '*';

/** A health check that was red in two checks in a row, until it was green in two. Instants of later steps are null before they happen. */
export interface Incident {
  readonly id: string;
  readonly check: string;
  /** Such as the type; '' where the check has none. */
  readonly subject: string;
  /** Fact and limit. */
  readonly detail: string;
  /** The first thing to do. */
  readonly next: string;
  /** The page of the console that shows it, from its root; */
  readonly page: string;
  /** and its address, null without `alerts.consoleUrl`. */
  readonly url: string | null;
  readonly openedAt: Date;
  readonly closedAt: Date | null;
  readonly notifiedAt: Date | null;
  readonly recoveryNotifiedAt: Date | null;
  readonly acknowledgedAt: Date | null;
  readonly acknowledgedBy: string | null;
}

/** Alerts that are kept back. */
export interface Mute {
  readonly check: string;
  /** '*' stands for all. */
  readonly subject: string;
  readonly until: Date;
  readonly since: Date;
  readonly actor: string;
  readonly reason: string;
}

/** Actor, reason and duration of a mute. */
export interface MuteOptions extends Actor {
  readonly reason: string;
  /** Counted from now, at most 30 days. */
  readonly forMs: number;
}

/** The alerts of a check: of one subject (such as a type) or of all. */
export interface MuteTarget {
  readonly check: string;
  readonly subject?: string;
}

/** Each change is one statement, with its line in the audit log. All throw QueueError `option_invalid`. */
export interface IncidentControls {
  /** Incidents, open and over: the newest 100, newest first. */
  incidents(): Promise<readonly Incident[]>;
  /** Somebody takes care of it: an alert that has not gone out yet does not go out. `false`: it is over, unknown, or acknowledged. */
  acknowledgeIncident(id: string, by: Pick<Actor, 'actor'>): Promise<boolean>;
  /** Keeps the alerts of a check back until the mute ends, at most 30 days. What is still red then is told then. */
  muteCheck(target: MuteTarget, options: MuteOptions): Promise<Mute>;
  /** Ends a mute before its time. `false`: there was none. */
  unmuteCheck(target: MuteTarget, by: Pick<Actor, 'actor'>): Promise<boolean>;
  /** The mutes that have not ended, at most 200. */
  mutes(): Promise<readonly Mute[]>;
}

export function incidentControls(database: () => Executor, consoleUrl: string | undefined): IncidentControls {
  return {
    incidents: async () => (await newestIncidents(database(), LISTED)).map((row) => incidentOf(row, consoleUrl)),
    acknowledgeIncident: async (id, by) => store.acknowledge(database(), idOf('id', id), actorOf(by)),
    muteCheck: async (target, options) => {
      const { check, subject } = targetOf(target);
      const forMs = integer('forMs', options.forMs, { min: 1_000, max: LONGEST_MUTE_MS });
      const change = { check, subject, forMs, reason: reasonOf(options.reason), actor: actorOf(options) };
      return muteOf(await store.mute(database(), change));
    },
    unmuteCheck: async (target, by) => store.unmute(database(), targetOf(target), actorOf(by)),
    mutes: async () => (await store.mutes(database())).map(muteOf),
  };
}

function targetOf({ check, subject = ALL }: MuteTarget): { check: string; subject: string } {
  if (!CHECK_NAMES.includes(check)) throw refused('check', `one of ${CHECK_NAMES.join(', ')}`, check);
  if (typeof subject !== 'string' || subject.length > SUBJECT_CHARS || !isStorableText(subject))
    throw refused('subject', `text of at most ${SUBJECT_CHARS} characters`, subject);
  return { check, subject: subject === '' ? ALL : subject };
}

function incidentOf(row: IncidentRow, consoleUrl: string | undefined): Incident {
  const { value = null, limit = null, data = {} } = row.detail;
  const found = { name: row.check_name, subject: row.subject, value, limit, data };
  return {
    id: row.id,
    check: row.check_name,
    subject: row.subject,
    detail: describeCheck(found),
    next: nextStep(found),
    page: pageOf(found),
    url: linkTo(consoleUrl, found),
    openedAt: new Date(row.opened_ms),
    closedAt: dateOf(row.closed_ms),
    notifiedAt: dateOf(row.notified_ms),
    recoveryNotifiedAt: dateOf(row.recovery_notified_ms),
    acknowledgedAt: dateOf(row.acknowledged_ms),
    acknowledgedBy: row.acknowledged_by,
  };
}

function muteOf({ check_name, until_ms, since_ms, ...row }: store.MuteRow): Mute {
  return { ...row, check: check_name, until: new Date(until_ms), since: new Date(since_ms) };
}
