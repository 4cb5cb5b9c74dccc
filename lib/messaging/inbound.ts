/** Stores what a person wrote, once, with all that follows from it, in one statement: a conversation, an opt-out, a reply to be drafted. */
import type { Executor } from '@conversure/jobqueue/postgres';

export interface Inbound {
  readonly companyId: string;
  /** E.164; null while it is not known. Then the id is. */
  readonly phone: string | null;
  /** WhatsApp's id of the person. */
  readonly userId: string | null;
  readonly wamid: string;
  readonly atMs: number;
  readonly kind: string;
  /** Null of a message without text. */
  readonly text: string | null;
  readonly replyTo: string | null;
  /** The message is a word by which people stop messages. */
  readonly isOptOut: boolean;
  /** It is a word by which they take that back. */
  readonly isOptIn: boolean;
  /** It was typed or chosen, so a reply may be drafted. */
  readonly wantsReply: boolean;
}

/** The most campaign messages that a reply may refer to: the last ones within 30 days. */
const CAMPAIGN_MESSAGES = 3;
/** Meta allows 4,096; whatever is longer is no message. */
const BODY_CHARS = 8_192;

/**
 * Answers whether it was new. A message that was stored before changes nothing, so webhooks may come as often as they like. What
 * campaigns wrote to the person comes into the conversation now, before the answer to it and as far as it had come: most people never
 * answer, and its further way stands in `recipients`. An
 * opt-out by keyword refuses everything but its own confirmation, which is sent once, and only where the company has one.
 */
export async function storeInbound(database: Executor, message: Inbound): Promise<boolean> {
  const { companyId, phone, userId, wamid, atMs, kind, text, replyTo, isOptOut, isOptIn, wantsReply } = message;
  const rows = await database.execute({
    text: STORE,
    params: [
      companyId,
      phone,
      wamid,
      atMs,
      kind,
      text?.replaceAll('\0', '').slice(0, BODY_CHARS).toWellFormed() ?? null,
      replyTo,
      isOptOut,
      wantsReply,
      isOptIn,
      userId,
    ],
  });
  return rows.length > 0;
}

/** The id's row is locked first, as where ids are linked to numbers: what is linked meanwhile is waited for, and then known. */
const STORE = `
with linked as materialized (
  select phone_e164 from whatsapp_users where $2::text is null and company_id = $1 and user_id = $11::text for share
), person as materialized (
  select coalesce($2::text, (select phone_e164 from linked)) as phone
), by_number as (
  insert into conversations as c (company_id, phone_e164, whatsapp_user_id, lead_id, last_inbound_at)
  select $1, person.phone, $11::text, (select id from leads where company_id = $1 and phone_e164 = person.phone), least(to_timestamp($4::float8 / 1000), now())
  from person
  where person.phone is not null
  on conflict (company_id, phone_e164) do update
  set last_inbound_at = greatest(c.last_inbound_at, excluded.last_inbound_at),
      lead_id = coalesce(c.lead_id, excluded.lead_id),
      whatsapp_user_id = coalesce(excluded.whatsapp_user_id, c.whatsapp_user_id),
      status = 'active'
  returning id
), by_user as (
  insert into conversations as c (company_id, whatsapp_user_id, last_inbound_at)
  select $1, $11, least(to_timestamp($4::float8 / 1000), now())
  from person
  where person.phone is null
  on conflict (company_id, whatsapp_user_id) where phone_e164 is null do update
  set last_inbound_at = greatest(c.last_inbound_at, excluded.last_inbound_at), status = 'active'
  returning id
), conversation as (
  select id from by_number union all select id from by_user
), read as (
  select conversation.id as conversation_id, sent.*
  from conversation
  cross join lateral (
    select r.wamid, r.status, r.claimed_at, fill_template(t.body, r.parameters) as body
    from recipients r
    join campaigns c on c.id = r.campaign_id
    join templates base on base.id = c.template_id
    cross join lateral (
      select body from templates own
      where own.company_id = $1 and own.name = base.name and own.language in (r.language, base.language)
      order by own.language = r.language desc nulls last
      limit 1
    ) t
    where r.company_id = $1 and r.phone_e164 = (select phone from person) and r.attempt > 0 and r.claimed_at > now() - interval '30 days'
      and r.wamid is not null and r.status in ('accepted', 'sent', 'delivered', 'read')
    order by r.claimed_at desc
    limit ${CAMPAIGN_MESSAGES}
  ) sent
), invitation as (
  insert into messages (company_id, conversation_id, direction, author, kind, body, wamid, status, occurred_at)
  select $1, conversation_id, 'outbound', 'campaign', 'template', body, wamid, status, claimed_at
  from read
  order by claimed_at
  on conflict (company_id, wamid) where wamid is not null do nothing
  returning 1
), message as (
  insert into messages (company_id, conversation_id, direction, author, kind, body, wamid, reply_to_wamid, status, occurred_at)
  select $1, conversation.id, 'inbound', 'customer', $5, $6, $3, $7, 'received', least(to_timestamp($4::float8 / 1000), now())
  from conversation
  cross join (select count(*) from invitation) before_it
  on conflict (company_id, wamid) where wamid is not null do nothing
  returning id, conversation_id
), refusal as (
  select opt_out($1, (select phone from person), $11, 'all', 'keyword', $6) as is_new from message where $8::boolean
), opt_in as (
  update opt_outs set lifted_at = now()
  from message
  where $10::boolean and company_id = $1 and (phone_e164 = (select phone from person) or whatsapp_user_id = $11)
    and scope = 'all' and source = 'keyword' and lifted_at is null
), confirmation as (
  insert into messages (company_id, conversation_id, direction, author, kind, body, status)
  select $1, message.conversation_id, 'outbound', 'system', 'opt_out_confirmation', s.opt_out_confirmation, 'queued'
  from message
  join refusal on is_new
  join company_settings s on s.company_id = $1 and s.opt_out_confirmation is not null
  returning id
)
select message.id,
       (select is_new from refusal),
       (select count((jobqueue.add_job('message_send', jsonb_build_object('companyId', $1::text, 'messageId', confirmation.id::text),
                                       idempotency_key => 'message:' || confirmation.id)).id)
        from confirmation),
       case when $9::boolean and not $8::boolean and not $10::boolean then
         (jobqueue.add_job('ai_generation',
            jsonb_build_object('companyId', $1::text, 'conversationId', message.conversation_id::text, 'messageId', message.id::text),
            idempotency_key => 'ai:' || message.conversation_id || ':' || message.id)).id
       end
from message
`;

/** The person took a message back: its text goes, and what followed from it stays. Answers whether it was there. */
export async function storeRevocation(
  database: Executor,
  { companyId, original }: { companyId: string; original: string },
): Promise<boolean> {
  const rows = await database.execute({
    text: `
      update messages set body = null, kind = 'revoked'
      where company_id = $1 and wamid = $2 and direction = 'inbound' and kind <> 'revoked'
      returning 1`,
    params: [companyId, original],
  });
  return rows.length > 0;
}
