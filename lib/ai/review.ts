/** Decides drafts: send, send edited, or discard. Each draft is decided once. */

import { isStorableText, storableJson } from '@conversure/jobqueue';
import type { Executor } from '@conversure/jobqueue/postgres';
import type { Generation } from './ai-generation/generation.ts';
import type { Verdict } from './ai-generation/safety/verdict.ts';
import { checkEdit } from './check-edit.ts';
import { IS_BLOCKED, IS_WAITING } from './drafts.ts';

export interface Decision {
  readonly companyId: string;
  readonly generationId: string;
  /** 'approve' sends the draft, or `text` instead of it. */
  readonly decision: 'approve' | 'reject';
  readonly text?: string | undefined;
  readonly decidedBy: string;
  /** The customer's newest message that this person has seen; by default the one that the draft answers. */
  readonly seenMessageId?: string | undefined;
  readonly reason?: string | undefined;
}

export type Decided =
  | { readonly kind: 'decided'; readonly status: 'approved' | 'edited' | 'rejected'; readonly messageId: string | null }
  | { readonly kind: 'not_found' }
  /** Decided earlier, by somebody else or by the same form a moment ago. */
  | {
      readonly kind: 'already_decided';
      readonly status: Generation['status'];
      readonly decidedBy: string | null;
      readonly decidedAt: string | null;
    }
  /** It cannot be sent as it is: the checks block it, or nobody has written it. An edited text may go. */
  | { readonly kind: 'blocked' }
  /** The customer has written since: to look at, and to decide again with this id as seen. */
  | { readonly kind: 'outdated'; readonly lastMessageId: string }
  /** The checks block `text` too; it is kept beside the draft, which goes on waiting. */
  | { readonly kind: 'unsafe'; readonly verdict: Verdict };

/** The longest text that WhatsApp accepts, in characters. */
export const TEXT_CHARS = 4_096;

/**
 * Decides a draft, or says why not. An approved one goes to the outbox in the same statement, so it is sent once whoever else
 * approves; opt-out and window are judged when it is sent. A text is checked like a draft first: one that the checks block is
 * not sent, and of a blocked draft neither is one that could not be checked. Throws RangeError for a text that is empty, too
 * long or not storable.
 */
export async function decideDraft(database: Executor, decision: Decision): Promise<Decided> {
  const { companyId, generationId } = decision;
  const text = decision.decision === 'approve' ? decision.text?.trim() : undefined;
  if (text !== undefined && (text === '' || text.length > TEXT_CHARS || !isStorableText(text)))
    throw new RangeError(`expected a text of 1 to ${TEXT_CHARS} characters without NUL, got ${text.length}`);
  const draft = await readState(database, decision);
  if (draft === null) return { kind: 'not_found' };
  const refusal = refusalOf(draft, decision);
  if (refusal?.kind === 'outdated' && text !== undefined) await keepEdit(database, decision, { text, verdict: null });
  if (refusal !== null) return refusal;
  if (text === undefined) return settle(database, decision, { text: null, verdict: null });
  const verdict = await checkEdit(database, { ...draft, companyId, generationId, text });
  if (!isUnsafe(verdict, draft)) return settle(database, decision, { text, verdict });
  await keepEdit(database, decision, { text, verdict });
  return { kind: 'unsafe', verdict };
}

interface State {
  readonly status: Generation['status'];
  readonly isWaiting: boolean;
  readonly isBlocked: boolean;
  readonly conversationId: string;
  readonly triggerMessageId: string;
  readonly lastInboundId: string;
  readonly language: string | null;
  readonly decidedBy: string | null;
  readonly decidedAt: string | null;
}

async function readState(database: Executor, { companyId, generationId }: Decision): Promise<State | null> {
  const [row] = await database.execute<State>({
    text: `
      select g.status, ${IS_WAITING} as "isWaiting", ${IS_BLOCKED} as "isBlocked", g.conversation_id::text as "conversationId",
             g.trigger_message_id::text as "triggerMessageId", g.language, g.decided_by as "decidedBy",
             to_json(g.decided_at) #>> '{}' as "decidedAt",
             (select max(m.id)::text from messages m
               where m.conversation_id = g.conversation_id and m.direction = 'inbound') as "lastInboundId"
      from generations g
      where g.company_id = $1 and g.id = $2::bigint`,
    params: [companyId, generationId],
  });
  return row ?? null;
}

/** `null`: it may be decided so. */
function refusalOf(state: State, { decision, text, seenMessageId }: Decision): Decided | null {
  const { status, isWaiting, isBlocked, decidedBy, decidedAt, lastInboundId, triggerMessageId } = state;
  if (!isWaiting) return { kind: 'already_decided', status, decidedBy, decidedAt };
  if (decision === 'reject') return null;
  if (text === undefined && isBlocked) return { kind: 'blocked' };
  if (BigInt(lastInboundId) > BigInt(seenMessageId ?? triggerMessageId))
    return { kind: 'outdated', lastMessageId: lastInboundId };
  return null;
}

function isUnsafe(verdict: Verdict, state: State): boolean {
  return verdict.decision === 'block' || (state.isBlocked && verdict.errors.length > 0);
}

async function settle(
  database: Executor,
  decision: Decision,
  { text, verdict }: { text: string | null; verdict: Verdict | null },
): Promise<Decided> {
  const { companyId, generationId, decision: decided, decidedBy, seenMessageId, reason } = decision;
  const [row] = await database.execute<Omit<Extract<Decided, { kind: 'decided' }>, 'kind'>>({
    text: DECIDE,
    params: [
      companyId,
      generationId,
      decided === 'approve',
      text,
      decidedBy,
      seenMessageId ?? null,
      reason ?? null,
      verdict && storableJson(verdict),
    ],
  });
  if (row) return { kind: 'decided', status: row.status, messageId: row.messageId };
  const now = await readState(database, decision); // somebody was faster, or the customer wrote this moment
  if (now === null) return { kind: 'not_found' };
  return refusalOf(now, decision) ?? { kind: 'blocked' };
}

/** The lock makes of two people at once a first and a second, who finds it decided. The conditions repeat `refusalOf`. */
const DECIDE = `
with waiting as (
  select g.id, g.conversation_id, g.draft, nextval(pg_get_serial_sequence('messages', 'id')) as message_id
  from generations g
  where g.company_id = $1 and g.id = $2::bigint and ${IS_WAITING}
    and (not $3::boolean or not exists (select from messages later
      where later.conversation_id = g.conversation_id and later.direction = 'inbound'
        and later.id > coalesce($6::bigint, g.trigger_message_id)))
    and (not $3::boolean or $4::text is not null or not ${IS_BLOCKED})
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
      edited = $4, edited_verdict = $8::jsonb, decided_by = $5, decided_at = now(), decision_reason = $7,
      message_id = (select id from message)
  from waiting
  where g.id = waiting.id and ${IS_WAITING}
  returning g.id, g.status, g.message_id
)
select decided.status, decided.message_id::text as "messageId",
       case when $3::boolean then (select (jobqueue.add_job('message_send',
         jsonb_build_object('companyId', $1::text, 'messageId', message.id::text),
         idempotency_key => 'message:' || message.id)).id from message) end as job
from decided
`;

/** The text of a person is not lost because it was not sent. */
async function keepEdit(
  database: Executor,
  { companyId, generationId }: Decision,
  { text, verdict }: { text: string; verdict: Verdict | null },
): Promise<void> {
  await database.execute({
    text: `
      update generations g set edited = $3, edited_verdict = $4::jsonb
      where g.company_id = $1 and g.id = $2::bigint and ${IS_WAITING}`,
    params: [companyId, generationId, text, verdict && storableJson(verdict)],
  });
}
