/** The statements about schedules: what code declares, what is made at run time, what is due, what operators do. Nothing in this folder decides. */

import type { Actor } from '../../core/actor.ts';
import type { CronLine } from '../../core/cron.ts';
import type { Misfire } from '../../core/schedule.ts';
import type { Executor } from '../database.ts';
import { only } from './rows.ts';

/** A schedule that has a slot to fire, or a line to be read anew; instants as Postgres writes them. */
export interface DueSchedule extends CronLine {
  readonly name: string;
  readonly misfire: Misfire;
  readonly missedAfterMs: number;
  /** The size of one of its jobs. */
  readonly bytes: number;
  readonly revision: number;
  readonly firedUntil: string;
  readonly now: string;
  /** The line that counts for slots up to `until`. */
  readonly former?: (CronLine & { readonly until: string }) | null;
  readonly resumedAt?: string | null;
}

/** Decisions about one due schedule, see packages/jobqueue/sql/functions/fire_1.sql. */
export interface Fire {
  readonly name: string;
  readonly revision: number;
  /** Null: it cannot fire, and is left as it is until `next`. */
  readonly until: string | null;
  readonly next: string | null;
  readonly slots: readonly string[];
  readonly problem?: string;
}

/** What is due after a sync, and the names that schedules of run time have. */
export interface Synced {
  readonly due: readonly DueSchedule[];
  readonly refused: readonly string[] | null;
}

/** Writes the schedules of this deployment; `setJson` is {hash, schedules: [{name, definition}]}. */
export async function syncSchedules(executor: Executor, setJson: string, timeoutMs: number): Promise<Synced> {
  const rows = await executor.execute<{ answer: Synced }>(
    { text: 'select jobqueue.sync_schedules_2($1::jsonb) as answer', params: [setJson] },
    { timeoutMs },
  );
  return only(rows).answer;
}

/** Fires slots, each once; may be sent again. */
export async function fire(
  executor: Executor,
  fires: readonly Fire[],
  timeoutMs: number,
): Promise<{ readonly fired: number; readonly skipped: number; readonly due: readonly DueSchedule[] }> {
  const rows = await executor.execute<{ answer: { fired: number; skipped: number; due: readonly DueSchedule[] } }>(
    { text: 'select jobqueue.fire_1($1::jsonb) as answer', params: [JSON.stringify(fires)] },
    { timeoutMs },
  );
  return only(rows).answer;
}

/** `code`: declared by a deployment. `runtime`: made by `queue.schedules.create` or in SQL. */
export type ScheduleKind = 'code' | 'runtime';

export interface ScheduleRow {
  readonly name: string;
  readonly kind: ScheduleKind;
  readonly type: string;
  readonly cron: string;
  readonly time_zone: string;
  readonly override_cron: string | null;
  readonly override_time_zone: string | null;
  readonly pause_reason: string | null;
  readonly problem: string | null;
  readonly declared: boolean;
  readonly paused_ms: number | null;
  readonly next_slot_ms: number | null;
  readonly last_slot_ms: number | null;
  readonly last_job_id: string | null;
}

const MILLISECONDS = (column: string, alias: string) => `(extract(epoch from ${column}) * 1000)::float8 as ${alias}`;

const ROW = `
      s.name::text as name, s.kind, s.definition #>> '{job,type}' as type, s.definition ->> 'cron' as cron,
      s.definition ->> 'timeZone' as time_zone, s.override_cron, s.override_time_zone, s.pause_reason, s.problem,
      s.removed_at is null as declared, ${MILLISECONDS('s.paused_at', 'paused_ms')},
      ${MILLISECONDS("nullif(nullif(s.next_slot_at, 'infinity'), '-infinity')", 'next_slot_ms')},
      ${MILLISECONDS('last.slot', 'last_slot_ms')}, last.job_id::text as last_job_id`;

const LAST = `
      left join lateral (select l.slot, l.job_id from jobqueue.schedule_slots l where l.schedule = s.name
                         order by l.slot desc limit 1) last on true`;

/** At most `most` schedules: those that code declares, those of run time, those that code once declared; by name. */
export async function listSchedules(executor: Executor, most: number): Promise<ScheduleRow[]> {
  return executor.execute<ScheduleRow>({
    text: `
      select ${ROW}
      from (
        select * from (
          (select * from jobqueue.schedules where kind = 'code' order by removed_at is not null, name limit $1)
          union all
          (select * from jobqueue.schedules where kind = 'runtime' order by name limit $1)) both_kinds
        order by removed_at is not null, kind, name limit $1) s
      ${LAST}
      order by s.removed_at is not null, s.kind, s.name`,
    params: [most],
  });
}

export interface SchedulesAfter {
  readonly kind: ScheduleKind | null;
  readonly type: string | null;
  readonly prefix: string | null;
  readonly after: { readonly kind: string; readonly name: string } | null;
  readonly limit: number;
}

/** Those behind a place in the order of kind and name. */
export async function pageSchedules(
  executor: Executor,
  { kind, type, prefix, after, limit }: SchedulesAfter,
): Promise<ScheduleRow[]> {
  const params: (string | number)[] = [];
  const given = (value: string | number) => `$${params.push(value)}`;
  const wanted = [
    ...(kind === null ? [] : [`s.kind = ${given(kind)}`]),
    ...(type === null ? [] : [`s.definition #>> '{job,type}' = ${given(type)}`]),
    // no character of a name sorts behind a tilde
    ...(prefix === null ? [] : [`s.name >= ${given(prefix)} and s.name < ${given(`${prefix}~`)}`]),
    ...(after === null ? [] : [`(s.kind, s.name) > (${given(after.kind)}, ${given(after.name)})`]),
  ];
  return executor.execute<ScheduleRow>({
    text: `
      select ${ROW}
      from (select * from jobqueue.schedules s ${wanted.length > 0 ? `where ${wanted.join(' and ')}` : ''}
            order by s.kind, s.name limit ${given(limit)}) s
      ${LAST}
      order by s.kind, s.name`,
    params,
  });
}

/** Names of the deployment in force that schedules of run time have. */
export async function refusedSchedules(executor: Executor): Promise<readonly string[]> {
  const rows = await executor.execute<{ refused: readonly string[] }>({
    text: `
      select to_jsonb(array(
        select h.name::text
        from (select refused from jobqueue.schedule_sets order by took_over_at desc limit 1) k
        cross join lateral unnest(k.refused) as r(name)
        join jobqueue.schedules h on h.name = r.name and h.kind = 'runtime'
        order by h.name)) as refused`,
    params: [],
  });
  return only(rows).refused;
}

/** The definition as it is stored. */
export interface StoredSchedule extends CronLine {
  readonly misfire: Misfire;
  readonly missedAfterMs: number;
  readonly overlap: 'allow' | 'skip';
  readonly jitterMs: number;
  readonly job: {
    readonly type: string;
    readonly queue?: string;
    readonly priority?: number;
    readonly max_attempts?: number;
    readonly payload: unknown;
  };
}

export interface ScheduleDetailsRow extends ScheduleRow {
  readonly definition: StoredSchedule;
  readonly definition_md5: string;
  readonly now_ms: number;
}

/** One schedule with its definition; null if there is none. */
export async function readSchedule(executor: Executor, name: string): Promise<ScheduleDetailsRow | null> {
  const rows = await executor.execute<ScheduleDetailsRow>({
    text: `select ${ROW}, s.definition, md5(s.definition::text) as definition_md5, ${MILLISECONDS('now()', 'now_ms')} from jobqueue.schedules s ${LAST} where s.name = $1`,
    params: [name],
  });
  return rows[0] ?? null;
}

/** The answer of a change: see packages/jobqueue/sql/functions/create_schedule_1.sql. */
export interface ScheduleAnswer {
  readonly done: boolean;
  readonly exists?: ScheduleKind;
  readonly declared?: boolean;
  readonly full?: true;
  readonly unknown?: true;
  readonly stale?: true;
}

async function changed(executor: Executor, call: string, params: readonly string[]): Promise<ScheduleAnswer> {
  const rows = await executor.execute<{ answer: ScheduleAnswer }>({ text: `select ${call} as answer`, params });
  return only(rows).answer;
}

/** Both are JSON. */
export function createSchedule(executor: Executor, name: string, definition: string, options: object) {
  return changed(executor, 'jobqueue.create_schedule_1($1, $2::jsonb, $3::jsonb)', [
    ...[name, definition, JSON.stringify(options)],
  ]);
}

/** `options.was` is the md5 of the definition that the new one was made from; a job without payload keeps the stored one. */
export function updateSchedule(executor: Executor, name: string, definition: string, options: object) {
  return changed(executor, 'jobqueue.update_schedule_1($1, $2::jsonb, $3::jsonb)', [
    ...[name, definition, JSON.stringify(options)],
  ]);
}

export function deleteSchedule(executor: Executor, name: string, options: object) {
  return changed(executor, 'jobqueue.delete_schedule_1($1, $2::jsonb)', [name, JSON.stringify(options)]);
}

/** Where a name is taken: null if it is not. */
export async function kindOfSchedule(executor: Executor, name: string): Promise<ScheduleKind | null> {
  const rows = await executor.execute<{ kind: ScheduleKind }>({
    text: 'select kind from jobqueue.schedules where name = $1',
    params: [name],
  });
  return rows[0]?.kind ?? null;
}

/** One change of a schedule, and its line in the audit log. `false`: there is no such schedule. */
async function change(
  executor: Executor,
  name: string,
  { actor, reason }: Actor,
  {
    action,
    set,
    details,
    params = [],
    where = 'true',
  }: { action: string; set: string; details: string; params?: readonly (string | null)[]; where?: string },
): Promise<boolean> {
  const rows = await executor.execute({
    text: `
      with changed as (
        update jobqueue.schedules s set revision = s.revision + 1, ${set} where s.name = $1 and ${where} returning s.*
      ), noted as (
        insert into jobqueue.audit_log (actor, action, details)
        select $2, $4, jsonb_build_object('schedule', c.name, 'reason', $3::text) || ${details} from changed c
      )
      select 1 from changed`,
    params: [name, actor, reason ?? null, action, ...params],
  });
  return rows.length > 0;
}

/** A schedule that is paused already keeps since when. */
export function pauseSchedule(executor: Executor, name: string, by: Actor): Promise<boolean> {
  return change(executor, name, by, {
    action: 'schedule_paused',
    set: 'paused_at = coalesce(s.paused_at, now()), pause_reason = $3::text',
    details: `'{}'`,
  });
}

export function resumeSchedule(executor: Executor, name: string, by: Actor): Promise<boolean> {
  return change(executor, name, by, {
    action: 'schedule_resumed',
    set: 'resumed_at = case when s.paused_at is null then s.resumed_at else now() end, paused_at = null, pause_reason = null',
    details: `'{}'`,
  });
}

/** The line that counted so far still counts for its slots up to now, in case nobody has looked at them yet. */
export function overrideSchedule(
  executor: Executor,
  name: string,
  line: Partial<CronLine>,
  by: Actor,
): Promise<boolean> {
  return change(executor, name, by, {
    action: 'schedule_overridden',
    where: `s.kind = 'code'`,
    set: `override_cron = $5::text, override_time_zone = $6::text, next_slot_at = '-infinity', problem = null,
          former = coalesce(s.former, jobqueue.schedule_line_1(s, s.definition) || jsonb_build_object('until', now()))`,
    details: `jsonb_build_object('cron', $5::text, 'timeZone', $6::text)`,
    params: [line.cron ?? null, line.timeZone ?? null],
  });
}

/** One job now, outside the slots; its slot is this moment. Null: there is no such schedule, or code does not declare it any more. */
export async function runSchedule(executor: Executor, name: string, { actor, reason }: Actor): Promise<string | null> {
  const rows = await executor.execute<{ id: string }>({
    text: `
      with added as (
        select s.name, a.id
        from jobqueue.schedules s
        cross join lateral jobqueue.add_jobs(jsonb_build_array(s.definition -> 'job' || jsonb_build_object('meta', jsonb_build_object(
          'schedule', s.name, 'slot', to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))))) a
        where s.name = $1 and s.removed_at is null
      ), noted as (
        insert into jobqueue.audit_log (actor, action, details)
        select $2, 'schedule_run', jsonb_build_object('schedule', name, 'jobId', id::text, 'reason', $3::text) from added
      )
      select id::text as id from added`,
    params: [name, actor, reason ?? null],
  });
  return rows[0]?.id ?? null;
}
