/** What people decide about drafts: send it, send it edited, or do not. Each draft is decided once. */
import type { Executor } from '../../db/client.ts';

export interface Decision {
  readonly companyId: string;
  readonly generationId: string;
  /** 'approve' sends the draft, with `text` what was made of it. */
  readonly decision: 'approve' | 'reject';
  readonly text?: string;
  readonly decidedBy: string;
}

/** What WhatsApp takes. */
const TEXT_CHARS = 4_096;

/**
 * Answers whether this call decided it; false: somebody has, or there is no such draft. An approved one goes to the outbox in the
 * same statement, so it is sent once whoever else approves; opt-out and window are judged when it is sent. Throws RangeError for a
 * text that is empty or too long.
 */
export async function decideDraft(database: Executor, decision: Decision): Promise<boolean> {
  const { companyId, generationId, decision: decided, text, decidedBy } = decision;
  const edited = text?.trim();
  if (edited !== undefined && (edited === '' || edited.length > TEXT_CHARS))
    throw new RangeError(`expected a text of 1 to ${TEXT_CHARS} characters, got ${edited.length}`);
  const rows = await database.execute({
    text: DECIDE,
    params: [companyId, generationId, decided === 'approve', edited ?? null, decidedBy],
  });
  return rows.length > 0;
}

const DECIDE = `
with waiting as (
  select g.id, g.conversation_id, g.draft, nextval(pg_get_serial_sequence('messages', 'id')) as message_id
  from generations g
  where g.company_id = $1 and g.id = $2::bigint and g.status in ('drafted', 'review', 'blocked') and g.draft is not null
  for update
), message as (
  insert into messages (id, company_id, conversation_id, direction, author, body, status)
  overriding system value
  select message_id, $1, conversation_id, 'outbound', case when $4::text is null then 'ai' else 'person' end, coalesce($4, draft), 'queued'
  from waiting
  where $3::boolean
  returning id
), decided as (
  update generations g
  set status = case when not $3::boolean then 'rejected' when $4::text is null then 'approved' else 'edited' end,
      edited = $4, decided_by = $5, decided_at = now(), message_id = (select id from message)
  from waiting
  where g.id = waiting.id and g.status in ('drafted', 'review', 'blocked')
  returning g.id
)
select decided.id,
       case when $3::boolean then (select (jobqueue.add_job('message_send',
         jsonb_build_object('companyId', $1::text, 'messageId', message.id::text),
         idempotency_key => 'message:' || message.id)).id from message) end
from decided
`;
