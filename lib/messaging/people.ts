/** Links between the numbers of people and their WhatsApp ids, learnt from all that webhooks tell. What decides is in learn_whatsapp_users. */
import type { Executor } from '@conversure/jobqueue/postgres';
import type { Incoming } from '../providers/whatsapp/incoming.ts';
import type { ReadStatus } from '../providers/whatsapp/status.ts';

/** A person with an id, and what may tell their number. */
export interface Seen {
  readonly userId: string;
  readonly phone: string | null;
  readonly username: string | null;
  /** The message of ours that the person got or answered. */
  readonly wamid: string | null;
  readonly opaqueId: string | null;
}

export function seenIn(incoming: readonly Incoming[], statuses: readonly ReadStatus[]): Seen[] {
  const senders = incoming.flatMap((one): Seen[] => {
    if (one.kind !== 'said' || one.person.userId === null) return [];
    const { phone, userId, username } = one.person;
    return [{ userId, phone, username, wamid: one.replyTo, opaqueId: null }];
  });
  const recipients = statuses.flatMap((one): Seen[] => {
    if (one.kind !== 'status' || !one.person?.userId) return [];
    const { phone, userId } = one.person;
    const { id: wamid, biz_opaque_callback_data: opaqueId = null } = one.event;
    return [{ userId, phone, username: null, wamid, opaqueId }];
  });
  return [...senders, ...recipients];
}

/** The numbers that are known of these people afterwards, by id. */
export async function learnUsers(
  database: Executor,
  companyId: string,
  seen: readonly Seen[],
): Promise<ReadonlyMap<string, string>> {
  if (seen.length === 0) return new Map();
  const [row] = await database.execute<{ phones: Record<string, string> }>({
    text: 'select learn_whatsapp_users($1, jsonb_strip_nulls($2::jsonb)) as phones',
    params: [companyId, JSON.stringify(seen)],
  });
  return new Map(Object.entries(row?.phones ?? {}));
}
