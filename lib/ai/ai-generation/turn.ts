/** Everything that a reply depends on, read in one statement: message, conversation, company, what was generated already. */
import type { Executor } from '@conversure/jobqueue/postgres';
import type { AiChoice } from '../../providers/ai.ts';
import type { Generation } from './generation.ts';

export interface Settings {
  readonly enabled: boolean;
  readonly mode: 'pilot' | 'copilot';
  readonly primary: AiChoice;
  readonly fallback: AiChoice | null;
  readonly promptLabel: string;
  readonly tone: string;
  readonly languages: readonly string[];
  /** `null`: all. */
  readonly allowedIntents: readonly string[] | null;
  readonly autoSendIntents: readonly string[];
  readonly minConfidence: number;
  readonly maxMessageLength: number;
  readonly maxRiskScore: number;
  readonly maxConsecutiveReplies: number;
  readonly escalateKeywords: readonly string[];
  readonly allowedLinkHosts: readonly string[];
  readonly allowedContacts: readonly string[];
  readonly competitors: readonly string[];
  readonly moderation: boolean;
  readonly judge: boolean;
}

/** One of the messages up to the one that is answered. */
export interface Line {
  readonly id: string;
  readonly direction: 'inbound' | 'outbound';
  readonly author: 'customer' | 'ai' | 'person' | 'campaign' | 'system';
  /** `null` for what is no text. */
  readonly body: string | null;
  /** The status of the generation that it came from. */
  readonly generation: Generation['status'] | null;
}

export interface Turn {
  readonly companyId: string;
  readonly conversationId: string;
  readonly messageId: string;
  readonly company: { readonly name: string; readonly country: string };
  readonly settings: Settings | null;
  readonly customer: { readonly phone: string | null; readonly name: string | null };
  readonly conversation: {
    readonly status: 'active' | 'closed';
    readonly aiEnabled: boolean;
    readonly humanTookOver: boolean;
  };
  readonly optedOut: boolean;
  /** WhatsApp lets us answer freely for 24 hours after the customer's last message. */
  readonly windowOpen: boolean;
  /** The customer wrote again: that message's generation answers both. */
  readonly superseded: boolean;
  /** Somebody of ours wrote after the message. */
  readonly answered: boolean;
  /** Oldest first, the message that is answered last; at most 50. */
  readonly lines: readonly Line[];
  readonly generation: Generation | null;
}

/**
 * `null` if the company has no such incoming message. A conversation that became part of another one is found as that: the person's id
 * was linked to a number. Ids are compared as they are stored, so text that is none finds nothing.
 */
export async function loadTurn(
  database: Executor,
  ids: { companyId: string; conversationId: string; messageId: string },
): Promise<Turn | null> {
  const { companyId, conversationId, messageId } = ids;
  if (![conversationId, messageId].every((id) => /^\d{1,18}$/.test(id))) return null;
  const [row] = await database.execute<{ turn: Omit<Turn, 'companyId' | 'messageId'> }>({
    text: LOAD,
    params: [companyId, conversationId, messageId],
  });
  return row ? { companyId, messageId, ...row.turn } : null;
}

const LOAD = `
with turn as (
  select c.*, m.id as message_id, m.occurred_at
  from conversations c
  join messages m on m.conversation_id = c.id and m.direction = 'inbound'
  where c.company_id = $1 and m.id = $3::bigint
    and (c.id = $2::bigint or not exists (select from conversations joined where joined.id = $2::bigint))
), lines as (
  select m.id, jsonb_build_object('id', m.id::text, 'direction', m.direction, 'author', m.author,
           'body', case when m.direction = 'inbound' or m.kind in ('text', 'template') then m.body end, 'generation', g.status) as line
  from turn
  join messages m on m.conversation_id = turn.id and m.id <= turn.message_id
  left join generations g on g.message_id = m.id
  where m.author = 'customer' or (m.direction = 'outbound' and m.status not in ('failed', 'cancelled'))
  order by m.id desc
  limit 50
)
select jsonb_build_object(
  'conversationId', turn.id::text,
  'company', jsonb_build_object('name', company.name, 'country', company.default_country),
  'customer', jsonb_build_object('phone', turn.phone_e164, 'name', lead.name),
  'conversation', jsonb_build_object('status', turn.status, 'aiEnabled', turn.ai_enabled,
    'humanTookOver', turn.human_took_over_at is not null),
  'optedOut', has_opted_out(turn.company_id, turn.phone_e164, turn.whatsapp_user_id, 'all'),
  'windowOpen', greatest(turn.last_inbound_at, turn.occurred_at) > now() - interval '24 hours',
  'superseded', exists (select from messages later
    where later.conversation_id = turn.id and later.id > turn.message_id and later.author = 'customer' and later.body is not null),
  'answered', exists (select from messages later
    where later.conversation_id = turn.id and later.id > turn.message_id and later.author in ('person', 'ai')
      and later.status not in ('failed', 'cancelled')),
  'lines', (select jsonb_agg(line order by id) from lines),
  'generation', (select jsonb_build_object('id', g.id::text, 'status', g.status, 'reason', g.reason,
      'messageId', g.message_id::text)
    from generations g where g.conversation_id = turn.id and g.trigger_message_id = turn.message_id),
  'settings', case when s.company_id is not null then jsonb_build_object(
    'enabled', s.enabled, 'mode', s.mode,
    'primary', jsonb_build_object('provider', s.provider, 'model', s.model, 'baseUrl', s.base_url, 'apiKey', s.api_key),
    'fallback', case when s.fallback_provider is not null then jsonb_build_object('provider', s.fallback_provider,
      'model', s.fallback_model, 'baseUrl', s.fallback_base_url, 'apiKey', s.fallback_api_key) end,
    'promptLabel', s.prompt_label, 'tone', s.tone, 'languages', s.languages,
    'allowedIntents', s.allowed_intents, 'autoSendIntents', s.auto_send_intents, 'minConfidence', s.min_confidence,
    'maxMessageLength', s.max_message_length, 'maxRiskScore', s.max_risk_score,
    'maxConsecutiveReplies', s.max_consecutive_replies, 'escalateKeywords', s.escalate_keywords,
    'allowedLinkHosts', s.allowed_link_hosts, 'allowedContacts', s.allowed_contacts, 'competitors', s.competitors,
    'moderation', s.moderation, 'judge', s.judge) end
) as turn
from turn
join companies company on company.id = turn.company_id
left join leads lead on lead.id = turn.lead_id
left join ai_settings s on s.company_id = turn.company_id
`;
