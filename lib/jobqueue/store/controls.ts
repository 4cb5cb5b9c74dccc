/** The statements of an operator. */
import type { Executor } from '../../../db/database.ts';

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

/** Keeps drains from claiming what the target names; '*' stands for all. */
export async function pause(
  executor: Executor,
  target: { queue: string; type: string },
  reason: string | null,
): Promise<void> {
  await executor.execute({
    text: `insert into jobqueue.pauses (queue, type, reason) values ($1, $2, $3)
           on conflict (queue, type) do update set reason = excluded.reason`,
    params: [target.queue, target.type, reason],
  });
}

export async function resume(executor: Executor, target: { queue: string; type: string }): Promise<void> {
  await executor.execute({
    text: 'delete from jobqueue.pauses where queue = $1 and type = $2',
    params: [target.queue, target.type],
  });
}
