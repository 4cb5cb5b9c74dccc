/** The statements of the outbox: what a message is, claiming it before the call, and what came of it. */

import type { Executor } from '@conversure/jobqueue/postgres';
import type { messages } from '../../../db/schema/conversations.ts';

type Status = (typeof messages.$inferSelect)['status'];

interface MessageKey {
  readonly companyId: string;
  readonly messageId: string;
}

export interface QueuedMessage {
  readonly status: Status;
  /** E.164, or the person's WhatsApp id while the number is not known. */
  readonly to: string;
  readonly body: string;
  /** Meta's id of the message that this one answers. */
  readonly replyTo: string | null;
  /** The connection waits for an operator. */
  readonly isPaused: boolean;
  /** Messages a second that the number may send. */
  readonly perSecond: number;
}

/** Null if the company has no such outgoing message. */
export async function findMessage(
  database: Executor,
  { companyId, messageId }: MessageKey,
): Promise<QueuedMessage | null> {
  const [row] = await database.execute<QueuedMessage>({
    text: `
      select m.status, coalesce(v.phone_e164, v.whatsapp_user_id) as "to", coalesce(m.body, '') as body, m.reply_to_wamid as "replyTo",
             c.paused_at is not null as "isPaused", coalesce(s.whatsapp_per_second, 20) as "perSecond"
      from messages m
      join conversations v on v.id = m.conversation_id
      left join company_settings s on s.company_id = m.company_id
      left join connections c on c.company_id = m.company_id and c.provider = 'whatsapp'
      where m.company_id = $1 and m.id = $2::bigint and m.direction = 'outbound'`,
    params: [companyId, messageId],
  });
  return row ?? null;
}

export interface ClaimedMessage {
  /** The message is this run's to send, and nobody else's. */
  readonly isOurs: boolean;
  readonly status: Status;
  /** The number of the next call of this message, from 1. */
  readonly attempt: number;
  readonly error: string | null;
}

/**
 * Takes a queued message for one call, with its attempt, in one statement: from here on nobody else calls. Whether it may be sent
 * at all is judged here, at the last moment: an opt-out that came meanwhile cancels it, and outside the 24 hours after the
 * person's last message Meta takes templates only.
 */
export async function claimMessage(
  database: Executor,
  { companyId, messageId }: MessageKey,
  opaqueId: string,
): Promise<ClaimedMessage> {
  const rows = await database.execute<ClaimedMessage>({ text: CLAIM, params: [companyId, messageId, opaqueId] });
  const [claimed] = rows as [ClaimedMessage];
  return claimed;
}

const CLAIM = `
with found as (
  select m.id, m.status, m.error,
         m.kind <> 'opt_out_confirmation' and has_opted_out(m.company_id, v.phone_e164, v.whatsapp_user_id, 'all') as opted_out,
         coalesce(v.last_inbound_at <= now() - interval '24 hours', true) as is_late,
         (select count(*)::int + 1 from delivery_attempts a where a.message_id = m.id) as attempt
  from messages m
  join conversations v on v.id = m.conversation_id
  where m.company_id = $1 and m.id = $2::bigint
  for update of m
), taken as (
  update messages m
  set status = case when opted_out then 'cancelled' when is_late then 'failed' else 'sending' end,
      status_at = now(),
      error_code = case when not opted_out and is_late then 131047 end,
      error = case when opted_out then 'the person has opted out' when is_late then 'more than 24 hours since the person wrote' end
  from found
  where m.id = found.id and found.status = 'queued'
  returning m.id, m.status, m.error
), attempted as (
  insert into delivery_attempts (opaque_id, company_id, message_id, attempt)
  select $3, $1, found.id, found.attempt
  from found
  join taken on taken.id = found.id and taken.status = 'sending'
)
select taken.status is not distinct from 'sending' as "isOurs", coalesce(taken.status, found.status) as status, found.attempt, case when taken.id is null then found.error else taken.error end as error
from found
left join taken on taken.id = found.id
`;

export interface Settled {
  readonly to: 'accepted' | 'queued' | 'failed' | 'unconfirmed';
  /** The outcome of the attempt. */
  readonly outcome: 'accepted' | 'refused' | 'unsent' | 'unknown';
  readonly wamid?: string;
  readonly code?: number;
  readonly error?: string;
}

/** Writes what came of the last attempt. Never back: a webhook that was there before our own answer stands. */
export async function settleMessage(
  database: Executor,
  { companyId, messageId }: MessageKey,
  { to, outcome, wamid, code, error }: Settled,
): Promise<void> {
  await database.execute({
    text: SETTLE,
    params: [
      companyId,
      messageId,
      to,
      outcome,
      wamid ?? null,
      code ?? null,
      error?.slice(0, 500).toWellFormed() ?? null,
    ],
  });
}

const SETTLE = `
with message as (
  update messages m
  set status     = case when m.status in ('sending', 'unconfirmed') then $3 else m.status end,
      status_at  = case when m.status in ('sending', 'unconfirmed') then now() else m.status_at end,
      wamid      = coalesce(m.wamid, $5),
      error_code = case when m.status in ('sending', 'unconfirmed') then $6::int else m.error_code end,
      error      = case when m.status in ('sending', 'unconfirmed') then $7 else m.error end
  where m.company_id = $1 and m.id = $2::bigint
  returning m.id, m.conversation_id
), attempt as (
  update delivery_attempts a
  set outcome = $4, ended_at = now(), wamid = coalesce(a.wamid, $5), error_code = $6::int, error = $7
  where a.opaque_id = (select opaque_id from delivery_attempts where message_id = $2::bigint order by attempt desc limit 1)
    and a.outcome is distinct from 'accepted'
), refused as (
  select opt_out($1, v.phone_e164, v.whatsapp_user_id, 'marketing', 'delivery_error', '131050') as is_new
  from message join conversations v on v.id = message.conversation_id
  where $6::int = 131050
), written as (
  update conversations v set last_outbound_at = now()
  from message
  where v.id = message.conversation_id and $4 in ('accepted', 'unknown')
)
select is_new from refused
`;
