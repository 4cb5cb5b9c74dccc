/** One status of a webhook, as this product understands it: how far a message of ours is, and who got it. Pure. */
import { StatusEvent } from './events.ts';
import { type Person, personOf } from './person.ts';

export type ReadStatus =
  | { readonly kind: 'status'; readonly event: StatusEvent; readonly person: Person | null }
  /** Known, and of no use here. */
  | { readonly kind: 'ignored'; readonly type: string }
  | { readonly kind: 'strange'; readonly why: string };

/** The person deleted the message on their side, or it could not be shown; payments have statuses of their own. */
const IGNORED: ReadonlySet<unknown> = new Set(['deleted', 'warning']);

export function readStatus(given: unknown): ReadStatus {
  const { type, status } = typeof given === 'object' && given !== null ? (given as Record<string, unknown>) : {};
  if (type === 'payment') return { kind: 'ignored', type: 'status payment' };
  if (IGNORED.has(status)) return { kind: 'ignored', type: `status ${status}` };
  const event = StatusEvent.safeParse(given);
  if (!event.success) {
    const [issue] = event.error.issues;
    return {
      kind: 'strange',
      why: `expected what Meta documents at '${issue?.path.map(String).join('.')}': ${issue?.message}`,
    };
  }
  const { recipient_type: recipient, recipient_id: waId, recipient_user_id: userId } = event.data;
  return { kind: 'status', event: event.data, person: recipient === 'group' ? null : personOf(waId, userId) };
}
