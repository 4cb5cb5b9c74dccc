/** Schedules that are made, changed, listed and previewed at run time, beside those that code declares. */

import { type Actor, checkActor } from '../core/actor.ts';
import { type CronLine, cronProblem } from '../core/cron.ts';
import { QueueError } from '../core/errors.ts';
import type { Job } from '../core/job.ts';
import { LIMITS } from '../core/limits.ts';
import { integer, type Names, name, oneOf, onlyKnown, refusal, refused, text } from '../core/options.ts';
import { restored } from '../core/redact.ts';
import { checkedSchedule, type Misfire, type ScheduleDeclaration } from '../core/schedule.ts';
import { encodeJob } from '../enqueue/enqueue.ts';
import type { Executor } from '../postgres/database.ts';
import {
  createSchedule,
  deleteSchedule,
  pageSchedules,
  readSchedule,
  refusedSchedules,
  type ScheduleAnswer,
  type ScheduleDetailsRow,
  type ScheduleKind,
  type StoredSchedule,
  updateSchedule,
} from '../postgres/statements/schedules.ts';
import { sizeProblem, storedDefinition } from './declared.ts';
import { nextRuns } from './next-runs.ts';
import { isScheduleName, type ScheduleView, unknownSchedule, viewOf } from './view.ts';

/** A page that a screen or a terminal shows; the next one begins behind it. */
const PAGE = { min: 1, max: 1_000 };
const PAGE_LIMIT = 100;
/** As many as `nextRuns` answers would take 50 ms; nobody reads more than a page. */
const MOST_PREVIEWED = 100;
const PREVIEWED = 5;
/** A change is made from what is stored: it is made anew if that changed in between. */
const TRIES = 5;

/** A schedule to be made at run time: the options of `defineSchedule`, and `paused`. */
export interface NewSchedule<Type extends string = string, Payload = unknown>
  extends ScheduleDeclaration<Type, Payload> {
  /** It fires nothing until it is resumed; default false. */
  readonly paused?: boolean;
}

/** Changes of a schedule of run time; what is left out stays. Another `type` needs its `payload`. */
export type ScheduleChanges = Partial<Omit<NewSchedule, 'name'>>;

/** A schedule with everything that is stored of it. */
export interface ScheduleDetails extends ScheduleView {
  /** As it was given; show it to people through `queue.redactPayload`. */
  readonly payload: unknown;
  readonly priority: number;
  readonly misfire: Misfire;
  readonly missedAfterMs: number;
  readonly overlap: 'allow' | 'skip';
  readonly jitterMs: number;
}

/** Which schedules `list` answers. */
export interface ScheduleFilter {
  readonly kind?: ScheduleKind;
  readonly type?: string;
  /** The beginning of their names, such as 'tenant-7:'. */
  readonly prefix?: string;
}

/** One page of schedules: the code's before those of run time, by name. */
export interface SchedulesPage {
  readonly schedules: readonly ScheduleView[];
  /** `after` of the next page; null: this is the last. */
  readonly next: string | null;
  /** Names that the deployment in force declares, too: its schedules of these names are refused, and do not fire. */
  readonly refused: readonly string[];
}

/** What a change would do, at this instant of the database. */
export interface SchedulePreview {
  readonly name: string;
  /** Null: it does not exist yet. */
  readonly kind: ScheduleKind | null;
  /** True: it fires nothing until it is resumed, whatever its line says. */
  readonly paused: boolean;
  /** The options that would differ. */
  readonly changes: readonly string[];
  /** The next instants of the line in force; empty if it does not exist, or code does not declare it any more. */
  readonly before: readonly Date[];
  /** The next instants with the changes. */
  readonly after: readonly Date[];
}

/**
 * The schedules of the database. Called, it answers those that code declares, those of run time, and those that code once declared, by name; at
 * most 2,000 (`list` pages through all). Changes are of schedules of run time and in the audit log. All reject with QueueError.
 *
 * @example
 * ```ts
 * await queue.schedules.create(
 *   { name: 'tenant-7:report', cron: '0 6 * * 1', timeZone: 'Asia/Dubai', type: 'report', payload: { company: 'acme' } },
 *   { actor: 'ann@example.com' },
 * );
 * ```
 */
export interface Schedules<New extends NewSchedule = NewSchedule> {
  (): Promise<readonly ScheduleView[]>;
  /**
   * Makes a schedule. Its payload is checked by its type's schema; queue and attempts are the type's of this moment. It starts with its first
   * slot after now. Rejects as `defineSchedule` and `addJob` refuse, with `schedule_exists` if any schedule has the name, and with
   * `too_many_schedules` above 10,000 of run time.
   */
  create(schedule: New, by: Actor): Promise<void>;
  /**
   * Changes a schedule of run time. A new line counts from now on, and slots of the former one that are due still fire. Rejects as `create`,
   * with `unknown_schedule`, and with `schedule_kind` for one of the code.
   */
  update(name: string, changes: ScheduleChanges, by: Actor): Promise<void>;
  /**
   * Deletes a schedule of run time with its slots, or one that code does not declare any more. Jobs that it has made go on. Rejects with
   * `unknown_schedule`, and with `schedule_kind` for one that code declares.
   */
  delete(name: string, by: Actor): Promise<void>;
  /** Null: there is none. */
  get(name: string): Promise<ScheduleDetails | null>;
  list(filter?: ScheduleFilter, page?: { readonly after?: string; readonly limit?: number }): Promise<SchedulesPage>;
  /**
   * What `create` or `update` with the same options would do, or `overrideSchedule` for one of the code; rejects as they do. `count`: instants
   * before and after, 1 to 100, default 5.
   */
  preview(name: string, changes?: ScheduleChanges, options?: { readonly count?: number }): Promise<SchedulePreview>;
}

const CHANGES: Names<ScheduleChanges> = {
  cron: true,
  timeZone: true,
  type: true,
  payload: true,
  priority: true,
  misfire: true,
  missedAfterMs: true,
  overlap: true,
  jitterMs: true,
  paused: true,
};
const NEW: Names<NewSchedule> = { ...CHANGES, name: true };
const BY: Names<Actor> = { actor: true, reason: true };

export interface RuntimeOptions {
  readonly database: () => Executor;
  readonly jobs: ReadonlyMap<string, Job>;
  /** The names that this process' code declares. */
  readonly declared: ReadonlySet<string>;
}

/** Everything but the list of all. */
export function runtimeSchedules({ database, jobs, declared }: RuntimeOptions): Pick<Schedules, keyof Schedules> {
  return {
    async create(schedule: NewSchedule, by: Actor) {
      onlyKnown(schedule, NEW, { call: CALLS.create });
      const made = newDefinition(jobs, schedule);
      if (declared.has(schedule.name)) throw exists(schedule.name, 'code');
      const options = { ...actorOf(by, CALLS.create), paused: pausedOf(schedule.paused, CALLS.create) ?? false };
      settled(schedule.name, await createSchedule(database(), schedule.name, made, options), 'create');
    },
    async update(called: string, changes: ScheduleChanges, by: Actor) {
      onlyKnown(changes, CHANGES, { call: CALLS.update });
      const actor = actorOf(by, CALLS.update);
      const paused = pausedOf(changes.paused, CALLS.update);
      for (let tries = 1; ; tries++) {
        const stored = await runtimeOne(database(), called);
        const definition = changedDefinition(jobs, stored, changes);
        const options = { ...actor, was: stored.definition_md5, ...(paused !== null && { paused }) };
        const answer = await updateSchedule(database(), called, definition, options);
        if (answer.stale && tries < TRIES) continue;
        return settled(called, answer);
      }
    },
    async delete(called: string, by: Actor) {
      const actor = actorOf(by, CALLS.delete);
      if (!isScheduleName(called)) throw unknownSchedule(called);
      settled(called, await deleteSchedule(database(), called, actor));
    },
    async get(called: string) {
      const row = isScheduleName(called) ? await readSchedule(database(), called) : null;
      return row === null ? null : detailsOf(row);
    },
    list: (filter: ScheduleFilter = {}, page: { readonly after?: string; readonly limit?: number } = {}) =>
      listed(database, filter, page),
    async preview(called: string, changes: ScheduleChanges = {}, options: { readonly count?: number } = {}) {
      onlyKnown(changes, CHANGES, { call: CALLS.preview });
      onlyKnown(options, { count: true }, { call: CALLS.preview });
      const { count = PREVIEWED } = options;
      integer('count', count, { min: 1, max: MOST_PREVIEWED }, { call: CALLS.preview });
      pausedOf(changes.paused, CALLS.preview);
      const row = isScheduleName(called) ? await readSchedule(database(), called) : null;
      return previewed({ jobs, declared }, called, { row, changes, count });
    },
  };
}

const CALLS = {
  create: 'schedules.create',
  update: 'schedules.update',
  delete: 'schedules.delete',
  list: 'schedules.list',
  preview: 'schedules.preview',
} as const;

function actorOf(by: Actor, call: string): Actor {
  onlyKnown(by, BY, { call });
  return checkActor(by);
}

/** The stored JSON of a new schedule. */
function newDefinition(jobs: ReadonlyMap<string, Job>, schedule: NewSchedule): string {
  const checked = checkedSchedule(schedule, { call: CALLS.create });
  const { type, payload, priority } = checked;
  const job = encodeJob(jobs, { type, payload, ...(priority !== undefined && { options: { priority } }) }, '');
  return sized(checked, job, CALLS.create);
}

/** The JSON of a schedule with changes. Its job is made anew where they touch it, by the type of this moment; a payload that stays is left out. */
function changedDefinition(
  jobs: ReadonlyMap<string, Job>,
  { name, definition }: ScheduleDetailsRow,
  changes: ScheduleChanges,
): string {
  const { paused: _, ...wanted } = given(changes);
  const { job, ...rest } = definition;
  const { payload: __, ...kept } = job;
  if (Object.keys(wanted).length === 0) return JSON.stringify({ ...rest, job: kept });
  const call = CALLS.update;
  const { type = job.type, priority = job.priority ?? 0 } = wanted;
  const isOther = type !== job.type;
  if (isOther && wanted.payload === undefined)
    throw refused('payload', `the payload of '${type}'`, undefined, { call });
  const checked = checkedSchedule({ ...rest, ...wanted, priority, name, type, payload: null }, { call });
  if (wanted.payload === undefined) {
    sized(checked, JSON.stringify({ ...job, priority }), call);
    return storedDefinition(checked, JSON.stringify({ ...kept, priority }));
  }
  const schema = isOther ? undefined : jobs.get(type)?.payload;
  const payload = schema === undefined ? wanted.payload : restored(schema, wanted.payload, job.payload);
  const options = isOther && wanted.priority === undefined ? {} : { priority };
  return sized(checked, encodeJob(jobs, { type, payload, options }, ''), call);
}

function sized(checked: Parameters<typeof storedDefinition>[0], job: string, call: string): string {
  const problem = sizeProblem(checked, job);
  if (problem !== null) throw refusal('misfire', problem, { call });
  return storedDefinition(checked, job);
}

/** An option that is undefined reads as one that is left out. */
function given<Options extends object>(options: Options): Options {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Options;
}

function pausedOf(paused: unknown, call: string): boolean | null {
  if (paused === undefined) return null;
  if (typeof paused === 'boolean') return paused;
  throw refused('paused', 'true or false', paused, { call });
}

async function runtimeOne(executor: Executor, called: string): Promise<ScheduleDetailsRow> {
  const row = isScheduleName(called) ? await readSchedule(executor, called) : null;
  if (row === null) throw unknownSchedule(called);
  if (row.kind !== 'runtime') throw ofCode(called);
  return row;
}

async function listed(
  database: () => Executor,
  filter: ScheduleFilter,
  page: { readonly after?: string; readonly limit?: number },
): Promise<SchedulesPage> {
  const where = { call: CALLS.list };
  onlyKnown(filter, { kind: true, type: true, prefix: true }, where);
  onlyKnown(page, { after: true, limit: true }, where);
  const { kind, type, prefix } = filter;
  const { limit = PAGE_LIMIT } = page;
  integer('limit', limit, PAGE, where);
  const [rows, names] = await Promise.all([
    pageSchedules(database(), {
      kind: kind === undefined ? null : oneOf('kind', kind, ['code', 'runtime'], where),
      type: type === undefined ? null : name('type', type, where),
      prefix: prefix === undefined ? null : name('prefix', prefix, where),
      after: page.after === undefined ? null : placeOf(page.after),
      limit: limit + 1,
    }),
    refusedSchedules(database()),
  ]);
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    schedules: shown.map(viewOf),
    next: rows.length > limit && last !== undefined ? `${last.kind} ${last.name}` : null,
    refused: names,
  };
}

function placeOf(after: string): { readonly kind: string; readonly name: string } {
  const [, kind, called] = /^(code|runtime) (\S+)$/.exec(text('after', after, 200, { call: CALLS.list })) ?? [];
  if (kind === undefined || called === undefined)
    throw refused('after', '`next` of the page before', after, { call: CALLS.list });
  return { kind, name: called };
}

function detailsOf(row: ScheduleDetailsRow): ScheduleDetails {
  const { misfire, missedAfterMs, overlap, jitterMs, job } = row.definition;
  return {
    ...viewOf(row),
    ...{ payload: job.payload ?? null, priority: job.priority ?? 0, misfire, missedAfterMs, overlap, jitterMs },
  };
}

interface Asked {
  readonly row: ScheduleDetailsRow | null;
  readonly changes: ScheduleChanges;
  readonly count: number;
}

function previewed(
  { jobs, declared }: Pick<RuntimeOptions, 'jobs' | 'declared'>,
  called: string,
  { row, changes, count }: Asked,
): SchedulePreview {
  const isNew = row === null && !declared.has(called);
  if (isNew) return previewedNew(jobs, { name: called, ...changes } as NewSchedule, count);
  if (row === null) throw unknownSchedule(called); // code declares it, and no drain has stored it yet
  const view = viewOf(row);
  const { paused = view.paused !== null, ...others } = given(changes);
  const line: CronLine = { cron: changes.cron ?? view.cron, timeZone: changes.timeZone ?? view.timeZone };
  if (row.kind === 'code') {
    const { cron: _, timeZone: __, ...more } = given(changes);
    if (Object.keys(more).length > 0) throw ofCode(called);
    const problem = cronProblem(line);
    if (problem) throw refusal(problem.path, problem.message, { call: CALLS.preview });
  }
  const definition = row.kind === 'code' ? row.definition : withPayload(row, changedDefinition(jobs, row, others));
  const after = new Date(row.now_ms);
  const runs = (of: CronLine) => (row.declared && cronProblem(of) === null ? nextRuns(of, { after, count }) : []);
  const facts = { ...detailsOf(row), paused: view.paused !== null };
  const changed = { ...detailsOf({ ...row, definition }), ...line, type: definition.job.type, paused };
  return {
    name: called,
    kind: row.kind,
    paused,
    changes: Object.keys(CHANGES).filter(
      (key) => !same(facts[key as keyof typeof facts], changed[key as keyof typeof changed]),
    ),
    before: runs(view),
    after: runs(line),
  };
}

function withPayload({ definition }: ScheduleDetailsRow, json: string): StoredSchedule {
  const { job, ...rest } = JSON.parse(json) as StoredSchedule;
  return { ...rest, job: { ...job, payload: 'payload' in job ? job.payload : definition.job.payload } };
}

function previewedNew(jobs: ReadonlyMap<string, Job>, schedule: NewSchedule, count: number): SchedulePreview {
  newDefinition(jobs, schedule);
  const { name: called, paused = false, ...others } = schedule;
  return {
    name: called,
    kind: null,
    paused,
    changes: Object.keys({ ...given(others), ...(paused && { paused }) }),
    before: [],
    after: nextRuns({ cron: schedule.cron, timeZone: schedule.timeZone }, { count }),
  };
}

/** Both are JSON, or texts and numbers. */
function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
}

/** Postgres keeps the names of an object in an order of its own. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .map(([key, entry]) => [key, sorted(entry)])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
}

/** Throws what an answer refuses. */
function settled(called: string, { done, exists: kind, full, unknown }: ScheduleAnswer, call?: 'create'): void {
  if (done) return;
  if (full) {
    const message = `expected at most ${LIMITS.runtimeSchedules} schedules of run time, and there are as many`;
    throw new QueueError('too_many_schedules', message, { issues: [{ path: 'name', message }] });
  }
  if (unknown) throw unknownSchedule(called);
  if (kind !== undefined) throw call === 'create' ? exists(called, kind) : ofCode(called);
  throw new QueueError(
    'lock_timeout',
    `others changed '${called}' in each of ${TRIES} tries. Nothing was written: call again`,
  );
}

function exists(called: string, kind: ScheduleKind): QueueError {
  const words = {
    code: `the code has a schedule '${called}', or had one: give another name, or delete that one if no code declares it any more`,
    runtime: `there is a schedule '${called}' of run time: change it with schedules.update`,
  };
  return new QueueError('schedule_exists', words[kind], { issues: [{ path: 'name', message: words[kind] }] });
}

function ofCode(called: string): QueueError {
  const message = `'${called}' is declared by code: change it there, or override its line with overrideSchedule`;
  return new QueueError('schedule_kind', message, { issues: [{ path: 'name', message }] });
}
