/** The statements of an operator on incidents and mutes, each with its line in the audit log. */
import type { Executor } from '../database.ts';
import { only } from './rows.ts';

export interface MuteRow {
  readonly check_name: string;
  readonly subject: string;
  readonly until_ms: number;
  readonly since_ms: number;
  readonly actor: string;
  readonly reason: string;
}

const MUTE = `check_name, subject, (extract(epoch from until) * 1000)::float8 as until_ms,
              (extract(epoch from muted_at) * 1000)::float8 as since_ms, actor, reason`;
/** Eleven checks, and a type has a mute of its own only if somebody gave it one. */
const LISTED = 200;

/** Answers whether it was open, and nobody's. */
export async function acknowledge(executor: Executor, id: string, actor: string): Promise<boolean> {
  const rows = await executor.execute({
    text: `with mine as (
             update jobqueue.incidents set acknowledged_at = now(), acknowledged_by = $2
             where id = $1::bigint and closed_at is null and acknowledged_at is null
             returning id, check_name, subject)
           insert into jobqueue.audit_log (actor, action, details)
           select $2, 'incident.acknowledge', jsonb_build_object('incident', id::text, 'check', check_name, 'subject', subject) from mine
           returning 1 as done`,
    params: [id, actor],
  });
  return rows.length === 1;
}

export async function mute(
  executor: Executor,
  change: { check: string; subject: string; forMs: number; actor: string; reason: string },
): Promise<MuteRow> {
  const rows = await executor.execute<MuteRow>({
    text: `with muted as (
             insert into jobqueue.mutes (check_name, subject, until, actor, reason)
             values ($1, $2, now() + $3::float8 * interval '1 millisecond', $4, $5)
             on conflict (check_name, subject) do update
               set until = excluded.until, actor = excluded.actor, reason = excluded.reason, muted_at = now()
             returning *),
           audited as (
             insert into jobqueue.audit_log (actor, action, details)
             select actor, 'check.mute', jsonb_build_object('check', check_name, 'subject', subject, 'until', until, 'reason', reason)
             from muted)
           select ${MUTE} from muted`,
    params: [change.check, change.subject, change.forMs, change.actor, change.reason],
  });
  return only(rows);
}

/** Answers whether there was a mute to end. */
export async function unmute(
  executor: Executor,
  target: { check: string; subject: string },
  actor: string,
): Promise<boolean> {
  const rows = await executor.execute({
    text: `with ended as (
             delete from jobqueue.mutes where check_name = $1 and subject = $2 and until > now() returning check_name, subject)
           insert into jobqueue.audit_log (actor, action, details)
           select $3, 'check.unmute', jsonb_build_object('check', check_name, 'subject', subject) from ended
           returning 1 as done`,
    params: [target.check, target.subject, actor],
  });
  return rows.length === 1;
}

export async function mutes(executor: Executor): Promise<readonly MuteRow[]> {
  return executor.execute<MuteRow>({
    text: `select ${MUTE} from jobqueue.mutes where until > now() order by until, check_name, subject limit $1`,
    params: [LISTED],
  });
}
