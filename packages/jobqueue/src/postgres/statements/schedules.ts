/** The statements about schedules: what code declares, what is due, what operators do. Nothing in this folder decides. */

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
  readonly until: string;
  readonly next: string | null;
  readonly slots: readonly string[];
}

/** Writes the schedules of this deployment; `setJson` is {hash, schedules: [{name, definition}]}. Answers what is due then. */
export async function syncSchedules(
  executor: Executor,
  setJson: string,
  timeoutMs: number,
): Promise<readonly DueSchedule[]> {
  const rows = await executor.execute<{ due: readonly DueSchedule[] }>(
    { text: 'select jobqueue.sync_schedules_1($1::jsonb) as due', params: [setJson] },
    { timeoutMs },
  );
  return only(rows).due;
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

export interface ScheduleRow {
  readonly name: string;
  readonly type: string;
  readonly cron: string;
  readonly time_zone: string;
  readonly override_cron: string | null;
  readonly override_time_zone: string | null;
  readonly pause_reason: string | null;
  readonly declared: boolean;
  readonly paused_ms: number | null;
  readonly next_slot_ms: number | null;
  readonly last_slot_ms: number | null;
  readonly last_job_id: string | null;
}

const MILLISECONDS = (column: string, alias: string) => `(extract(epoch from ${column}) * 1000)::float8 as ${alias}`;

/** Every schedule, those of the code first, at most `most`. */
export async function listSchedules(executor: Executor, most: number): Promise<ScheduleRow[]> {
  return executor.execute<ScheduleRow>({
    text: `
      select s.name::text as name, s.definition #>> '{job,type}' as type, s.definition ->> 'cron' as cron,
             s.definition ->> 'timeZone' as time_zone, s.override_cron, s.override_time_zone, s.pause_reason,
             s.removed_at is null as declared, ${MILLISECONDS('s.paused_at', 'paused_ms')},
             ${MILLISECONDS('nullif(nullif(s.next_slot_at, $2), $3)', 'next_slot_ms')},
             ${MILLISECONDS('last.slot', 'last_slot_ms')}, last.job_id::text as last_job_id
      from (select * from jobqueue.schedules order by removed_at is not null, name limit $1) s
      left join lateral (select l.slot, l.job_id from jobqueue.schedule_slots l where l.schedule = s.name
                         order by l.slot desc limit 1) last on true
      order by s.removed_at is not null, s.name`,
    params: [most, 'infinity', '-infinity'],
  });
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
  }: { action: string; set: string; details: string; params?: readonly (string | null)[] },
): Promise<boolean> {
  const rows = await executor.execute({
    text: `
      with changed as (
        update jobqueue.schedules s set revision = s.revision + 1, ${set} where s.name = $1 returning s.*
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
    set: `override_cron = $5::text, override_time_zone = $6::text, next_slot_at = '-infinity',
          former = coalesce(s.former, jobqueue.schedule_line_1(s, s.definition) || jsonb_build_object('until', now()))`,
    details: `jsonb_build_object('cron', $5::text, 'timeZone', $6::text)`,
    params: [line.cron ?? null, line.timeZone ?? null],
  });
}

/** One job now, outside the slots; its slot is this moment. Null: code declares no such schedule. */
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
