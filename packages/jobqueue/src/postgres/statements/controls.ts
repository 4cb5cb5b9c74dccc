/** The statements of an operator on live jobs, pauses and the audit log. */
import type { Executor } from '../database.ts';
import { only } from './rows.ts';

/** Appends one line to the audit log. */
export async function audit(
  executor: Executor,
  entry: { actor: string; action: string; details: object },
): Promise<void> {
  await executor.execute({
    text: 'insert into jobqueue.audit_log (actor, action, details) values ($1, $2, $3::jsonb)',
    params: [entry.actor, entry.action, JSON.stringify(entry.details)],
  });
}

export interface AuditRow {
  readonly id: string;
  readonly at_ms: number;
  readonly actor: string;
  readonly action: string;
  readonly details: unknown;
}

/** The latest entries first, those before an id if given. */
export async function auditEntries(executor: Executor, before: string | null, limit: number): Promise<AuditRow[]> {
  return executor.execute<AuditRow>({
    text: `select id::text as id, (extract(epoch from at) * 1000)::float8 as at_ms, actor, action, details
           from jobqueue.audit_log where $1::bigint is null or id < $1::bigint
           order by jobqueue.audit_log.id desc limit $2`,
    params: [before, limit],
  });
}

/** Keeps drains from claiming jobs of the target; '*' means all. Writes the audit log. */
export async function pause(
  executor: Executor,
  target: { queue: string; type: string },
  reason: string | null,
  actor: string,
): Promise<void> {
  await executor.execute({
    text: `with paused as (
             insert into jobqueue.pauses (queue, type, reason) values ($1, $2, $3)
             on conflict (queue, type) do update set reason = excluded.reason
             returning queue, type, reason)
           insert into jobqueue.audit_log (actor, action, details) select $4, 'pause', to_jsonb(paused) from paused`,
    params: [target.queue, target.type, reason, actor],
  });
}

/** Answers whether it was paused. */
export async function resume(
  executor: Executor,
  target: { queue: string; type: string },
  { actor, reason = null }: { actor: string; reason?: string | null },
): Promise<boolean> {
  const rows = await executor.execute<{ was_paused: boolean }>({
    text: `with resumed as (delete from jobqueue.pauses where queue = $1 and type = $2 returning 1)
           insert into jobqueue.audit_log (actor, action, details)
           select $3, 'resume', jsonb_build_object('queue', $1::text, 'type', $2::text, 'wasPaused', exists (select from resumed))
                               || jsonb_strip_nulls(jsonb_build_object('reason', $4::text))
           returning (details ->> 'wasPaused')::boolean as was_paused`,
    params: [target.queue, target.type, actor, reason],
  });
  return only(rows).was_paused;
}

/** See free_key_1.sql. */
export async function freeKey(
  executor: Executor,
  { type, key }: { type: string; key: string },
  options: { actor: string; reason?: string },
): Promise<{ readonly freed: boolean; readonly holder: string | null }> {
  const rows = await executor.execute<{ answer: { freed: boolean; holder: string | null } }>({
    text: 'select jobqueue.free_key_1($1, $2, $3::jsonb) as answer',
    params: [type, key, JSON.stringify(options)],
  });
  return only(rows).answer;
}

/** The state of a slice at its end, with the input of the next one. */
export interface SliceAnswer {
  readonly operation: string;
  readonly changed: number;
  readonly skipped: number;
  readonly pass: number;
  readonly done: boolean;
  /** The first refused jobs of a replay. */
  readonly refusals?: readonly { readonly id: string; readonly holder: string }[];
}

const SLICES = {
  cancel: 'select jobqueue.cancel_1($1::jsonb, $2::jsonb, $3::jsonb) as answer',
  reschedule: 'select jobqueue.reschedule_1($1::jsonb, $2::jsonb, $3::jsonb) as answer',
  reprioritise: 'select jobqueue.reprioritise_1($1::jsonb, $2::jsonb, $3::jsonb) as answer',
  replay: 'select jobqueue.replay_1($1::jsonb, $2::jsonb, $3::jsonb) as answer',
} as const;

/** One slice of an operation in bulk; see packages/jobqueue/sql/functions/operation_1.sql. */
export async function slice(
  executor: Executor,
  call: { readonly action: keyof typeof SLICES; readonly filterJson: string; readonly options: object },
  progress: SliceAnswer | null,
): Promise<SliceAnswer> {
  const rows = await executor.execute<{ answer: SliceAnswer }>({
    text: SLICES[call.action],
    params: [call.filterJson, JSON.stringify(call.options), progress && JSON.stringify(progress)],
  });
  return only(rows).answer;
}
