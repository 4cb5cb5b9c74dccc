/** Replays of dead letters: previewed, then done at once or throttled by drains, with a stop condition. */

import { type Actor, actorOf, checkActor } from '../core/actor.ts';
import { type DeadLetterFilter, deadLetterFilterJson, type Revival } from '../core/filters.ts';
import { idOf, integer, onlyKnown, refused } from '../core/options.ts';
import type { MaintenanceTask } from '../maintenance/maintenance.ts';
import type { Executor } from '../postgres/database.ts';
import * as store from '../postgres/statements/replays.ts';
import type { Warned } from '../reads/names.ts';
import { type BulkOptions, type BulkReport, inSlices } from './bulk.ts';

/** The most jobs that a drain brings back in one go: far below its exchanges' own work. */
const MOST_PER_MINUTE = 10_000;
const MOST_JOBS = 1_000_000_000; // an integer of Postgres
const MOST_LISTED = 100;
/** The most statements that advance throttled replays without a pause, 1,000 jobs each. */
const MOST_PORTIONS = 20;
/** The interval at which a drain looks for outcomes that a throttled replay waits for. */
const OUTCOMES_EVERY_MS = 500;
/** After this many looks in a row without a new outcome, the next drain continues: jobs may run for long, or nowhere. */
const MOST_LOOKS_IN_VAIN = 10;
/** Waiting for an enqueue that takes the same idempotency keys; then the next drain tries again. */
const PORTION_TIMEOUT_MS = 30_000;

/** Options of an immediate replay. */
export interface ReplayOptions extends Actor, Revival, BulkOptions {
  readonly maxJobs?: number;
  readonly perMinute?: undefined;
  readonly stopWhen?: undefined;
}

/** Options of a throttled replay. */
export interface ThrottledReplayOptions extends Actor, Revival {
  /** The most jobs a minute, 1 to 10,000, brought back by the drains. */
  readonly perMinute: number;
  /** Ends the replay when this many of its jobs have failed again, or this share of at least `minOutcomes` outcomes. */
  readonly stopWhen?: { readonly failed: number } | { readonly failureRatio: number; readonly minOutcomes: number };
  readonly maxJobs?: number;
}

/**
 * The result of an immediate replay. `changed` jobs were replayed; `skipped` ones were refused, because another job holds their
 * idempotency key.
 */
export interface ReplayReport extends BulkReport {
  /** The first 20 of those refused. */
  readonly refusals: readonly Refusal[];
}

/** A job that was not replayed, because another job holds its idempotency key. */
export interface Refusal {
  readonly id: string;
  /** The job that holds its key now. */
  readonly holder: string;
}

/** Jobs that a replay would bring back. */
export interface ReplayPreview {
  /** Counted up to 10,000, among the first 100,000 dead letters. */
  readonly total: number;
  /** There may be more. */
  readonly atLeast: boolean;
  /** Jobs among those counted that were cancelled before their time, which is still to come. They come back at that time, unless `due` is 'now'. */
  readonly later: { readonly total: number; readonly firstAt: Date; readonly lastAt: Date } | null;
  readonly groups: store.ReplayPreviewRow['groups'];
  /** The latest five to die of those counted. */
  readonly samples: readonly {
    readonly id: string;
    readonly type: string;
    readonly queue: string;
    readonly attempts: number;
    readonly finishedAt: Date;
    readonly errorName: string | null;
    readonly errorCode: string | null;
    /** Its first 200 characters. */
    readonly message: string | null;
  }[];
}

/** The state of a throttled replay. */
export interface Replay {
  readonly id: string;
  readonly filter: object;
  readonly perMinute: number;
  readonly maxJobs: number | null;
  readonly stopWhen: object | null;
  readonly state: 'running' | 'stopped' | 'finished';
  readonly endReason: string | null;
  /**
   * Why nothing more is moved, beside its rate: as many jobs are open as `stopWhen` needs to judge, the type or queue is paused, or no
   * drain has a handler for the type.
   */
  readonly waitsFor: 'outcomes' | 'resume' | 'handler' | null;
  readonly actor: string;
  readonly startedAt: Date;
  readonly endedAt: Date | null;
  readonly replayed: number;
  readonly refused: number;
  /** Replayed jobs that failed again at least once; then those that completed without; those cancelled; the rest. */
  readonly failed: number;
  readonly completed: number;
  readonly cancelled: number;
  readonly undecided: number;
  /** The first 20 of those refused. */
  readonly refusals: readonly Refusal[];
}

export async function previewReplay(
  executor: Executor,
  filter: DeadLetterFilter,
  revival: Revival,
): Promise<ReplayPreview> {
  const found = await store.previewReplay(executor, deadLetterFilterJson(filter, revival));
  const samples = found.samples.map(({ finishedMs, ...rest }) => ({ ...rest, finishedAt: new Date(finishedMs) }));
  const { later } = found;
  return {
    ...found,
    samples,
    later: later && { total: later.total, firstAt: new Date(later.firstMs), lastAt: new Date(later.lastMs) },
  };
}

export interface ReplayCall {
  /** Dead letters become live jobs again, under their ids, with attempts counted anew; all at once, in slices. */
  (filter: DeadLetterFilter, options: ReplayOptions): Promise<ReplayReport & Warned>;
  /** With `perMinute` drains bring the jobs back over time; returns the throttled replay's id at once. */
  (filter: DeadLetterFilter, options: ThrottledReplayOptions): Promise<{ readonly id: string } & Warned>;
}

/** `checkNames` refuses the types that nothing knows. */
export function replayCall(
  executor: () => Executor,
  checkNames: (named: DeadLetterFilter) => Promise<readonly string[]>,
): ReplayCall {
  async function replay(filter: DeadLetterFilter, options: ReplayOptions): Promise<ReplayReport & Warned>;
  async function replay(
    filter: DeadLetterFilter,
    options: ThrottledReplayOptions,
  ): Promise<{ readonly id: string } & Warned>;
  async function replay(filter: DeadLetterFilter, options: ReplayOptions | ThrottledReplayOptions) {
    const warnings = await checkNames(filter);
    return options.perMinute === undefined
      ? { ...(await atOnce(executor(), filter, options)), warnings }
      : { ...(await throttled(executor(), filter, options)), warnings };
  }
  return replay;
}

async function atOnce(executor: Executor, filter: DeadLetterFilter, options: ReplayOptions): Promise<ReplayReport> {
  if (options.stopWhen !== undefined)
    throw refused('stopWhen', 'perMinute beside it, because an immediate replay cannot be stopped', 'stopWhen alone');
  const call = {
    action: 'replay' as const,
    filterJson: deadLetterFilterJson(filter, options),
    options: { ...checkActor(options), ...most(options) },
  };
  const { operation, changed, skipped, done, refusals = [] } = await inSlices(executor, call, options);
  return { operation, changed, skipped, done, refusals };
}

async function throttled(
  executor: Executor,
  filter: DeadLetterFilter,
  options: ThrottledReplayOptions,
): Promise<{ id: string }> {
  const sent = {
    ...checkActor(options),
    perMinute: integer('perMinute', options.perMinute, { min: 1, max: MOST_PER_MINUTE }),
    ...(options.stopWhen && { stopWhen: stopWhenOf(options.stopWhen) }),
    ...most(options),
  };
  return { id: await store.startReplay(executor, deadLetterFilterJson(filter, options), sent) };
}

/** The latest hundred throttled replays, newest first. */
export async function replays(executor: Executor): Promise<readonly Replay[]> {
  const rows = await store.replays(executor, MOST_LISTED);
  return rows.map(({ per_minute, max_jobs, stop_when, end_reason, waits_for, started_ms, ended_ms, ...rest }) => ({
    ...rest,
    perMinute: per_minute,
    maxJobs: max_jobs,
    stopWhen: stop_when,
    endReason: end_reason,
    waitsFor: waits_for,
    startedAt: new Date(started_ms),
    endedAt: ended_ms === null ? null : new Date(ended_ms),
  }));
}

/** `false` if it was not running. What it has moved stays moved. */
export async function stopReplay(executor: Executor, id: string, by: Pick<Actor, 'actor'>): Promise<boolean> {
  return store.stopReplay(executor, idOf('id', id), actorOf(by));
}

/**
 * Advances throttled replays whose jobs have a handler here. A drain's exchanges look for them; separate statements advance them
 * (replays_2.sql says why). A replay that waits for outcomes is checked again soon, or it would advance once a tick.
 */
export function replaysTask(handled: readonly string[]): MaintenanceTask {
  return {
    name: 'replays',
    request: () => ({}),
    async run(_, { executor, untilMs, brought }) {
      let portions = 0;
      let looksInVain = 0;
      while (portions < MOST_PORTIONS && looksInVain < MOST_LOOKS_IN_VAIN) {
        const leftMs = untilMs() - performance.now();
        if (leftMs <= 0) return;
        const answer = await store.moveReplayOn(executor, handled, Math.min(leftMs, PORTION_TIMEOUT_MS));
        if (answer === null) return;
        if (answer.moved > 0) {
          brought();
          looksInVain = 0;
        }
        if (answer.more) {
          portions++;
        } else if (answer.waitsFor === 'outcomes') {
          portions = 0;
          looksInVain++;
          await new Promise((resolve) => setTimeout(resolve, OUTCOMES_EVERY_MS));
        } else return;
      }
    },
  };
}

function most({ maxJobs }: { readonly maxJobs?: number }): { maxJobs?: number } {
  return maxJobs === undefined ? {} : { maxJobs: integer('maxJobs', maxJobs, { min: 1, max: MOST_JOBS }) };
}

function stopWhenOf(stopWhen: NonNullable<ThrottledReplayOptions['stopWhen']>): object {
  onlyKnown(stopWhen, { failed: true, failureRatio: true, minOutcomes: true }, { at: 'stopWhen.' });
  if ('failed' in stopWhen) return { failed: integer('stopWhen.failed', stopWhen.failed, { min: 1, max: MOST_JOBS }) };
  const { failureRatio, minOutcomes } = stopWhen;
  if (!(failureRatio > 0 && failureRatio <= 1))
    throw refused('stopWhen.failureRatio', 'a number above 0, up to 1', failureRatio);
  // as replays_2.sql reads it
  return { failureRatio, of: integer('stopWhen.minOutcomes', minOutcomes, { min: 1, max: MOST_JOBS }) };
}
