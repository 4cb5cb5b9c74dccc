/** The row of a generation: opened once with its prompt pinned, ended once, whoever else tries. */

import { storableJson } from '@conversure/jobqueue';
import type { Executor } from '@conversure/jobqueue/postgres';
import type { AiAccount } from '../../providers/ai.ts';
import type { PromptVersion } from './prompt-version.ts';

export interface Generation {
  readonly id: string;
  readonly status:
    | 'pending'
    | 'drafted'
    | 'review'
    | 'blocked'
    | 'auto_sent'
    | 'approved'
    | 'edited'
    | 'rejected'
    | 'skipped'
    | 'superseded'
    | 'failed';
  readonly reason: string | null;
  /** The id of the reply in the outbox. */
  readonly messageId: string | null;
}

/** The key of a generation: one incoming message has one. */
export interface GenerationKey {
  readonly companyId: string;
  readonly conversationId: string;
  readonly messageId: string;
}

/** `null`: somebody ended it meanwhile. */
export type Opened = { readonly id: string; readonly prompt: PromptVersion; readonly calls: number };

/**
 * Opens the generation of a message, or finds it. What the label points to is looked up by the first to open it, and every later
 * run gets the version that was pinned then. A company's own prompt goes before the one for all; if it lacks the label that is an
 * error and not a reason to take the other. Calls that a dead run left open are ended at their full price.
 */
export async function openGeneration(
  database: Executor,
  { companyId, conversationId, messageId, jobId, label }: GenerationKey & { jobId: string; label: string },
): Promise<Opened | 'ended' | 'no_prompt'> {
  const params = [companyId, conversationId, messageId, jobId, label];
  // the second turn sees what a run that opened it at the same instant has committed
  for (let turn = 0; turn < 2; turn++) {
    const [row] = await database.execute<OpenRow>({ text: OPEN, params });
    if (row === undefined) continue;
    if (row.status !== 'pending') return 'ended';
    if (row.prompt === null) return 'no_prompt';
    return { id: row.id, prompt: row.prompt, calls: row.calls };
  }
  return 'no_prompt';
}

interface OpenRow {
  id: string;
  status: Generation['status'];
  prompt: PromptVersion | null;
  calls: number;
}

const OPEN = `
with prompt as (
  select id from prompts
  where key = 'reply' and (company_id = $1 or company_id is null)
  order by company_id nulls last
  limit 1
), pinned as (
  select l.prompt_id, l.version from prompt join prompt_labels l on l.prompt_id = prompt.id and l.label = $5
), opened as (
  insert into generations (company_id, conversation_id, trigger_message_id, job_id, prompt_id, prompt_version)
  select $1, $2::bigint, $3::bigint, $4::bigint, prompt_id, version from pinned
  on conflict (conversation_id, trigger_message_id) do nothing
  returning id, status, prompt_id, prompt_version
), found as (
  select * from opened
  union all
  select id, status, prompt_id, prompt_version from generations
  where conversation_id = $2::bigint and trigger_message_id = $3::bigint and not exists (select from opened)
), orphans as (
  update generation_calls c
  set ended_at = now(), outcome = 'unknown', cost_usd = c.reserved_usd, cost_by = 'reservation'
  from found
  where c.generation_id = found.id and c.ended_at is null
)
select found.id, found.status,
       (select count(*)::int from generation_calls c where c.generation_id = found.id and c.cost_usd is distinct from 0) as calls,
       case when v.version is not null then jsonb_build_object(
         'system', v.system, 'userTemplate', v.user_template, 'config', v.model_config) end as prompt
from found
left join prompt_versions v on v.prompt_id = found.prompt_id and v.version = found.prompt_version
`;

export type Quiet = { readonly status: 'skipped' | 'superseded' | 'failed' | 'blocked'; readonly reason: string };

/** Ends the generation without a draft. Returns its stored state, because one that had already ended stays as it is. */
export async function endQuietly(
  database: Executor,
  { companyId, conversationId, messageId, jobId }: GenerationKey & { jobId: string },
  { status, reason }: Quiet,
): Promise<Generation> {
  const [row] = await database.execute<Generation>({
    text: END_QUIETLY,
    params: [companyId, conversationId, messageId, jobId, status, reason],
  });
  return row as Generation;
}

const END_QUIETLY = `
insert into generations as g (company_id, conversation_id, trigger_message_id, job_id, status, reason, finished_at)
values ($1, $2::bigint, $3::bigint, $4::bigint, $5, $6, now())
on conflict (conversation_id, trigger_message_id) do update
set status      = case when g.status = 'pending' then excluded.status else g.status end,
    reason      = case when g.status = 'pending' then excluded.reason else g.reason end,
    finished_at = case when g.status = 'pending' then excluded.finished_at else g.finished_at end
returning id, status, reason, message_id as "messageId"
`;

export interface Drafted {
  readonly status: 'drafted' | 'review' | 'blocked';
  readonly reason: string | null;
  /** Send it, if nothing has changed meanwhile; else it waits as `drafted`. */
  readonly send: boolean;
  readonly draft: string;
  readonly intent: string;
  readonly confidence: number;
  readonly language: string;
  readonly sentiment: string;
  readonly verdict: object;
  readonly account: AiAccount;
  readonly snapshot: string | null;
}

/**
 * Stores draft and verdict, and puts the reply into the outbox in the same statement if it may go: so there is no moment in which
 * it is sent and not marked, or marked and not sent. What may have changed since the turn was read is asked again under the
 * conversation's lock. Answers how the generation stands; one that had ended already stays as it is.
 */
export async function endWithDraft(database: Executor, id: string, drafted: Drafted): Promise<Generation> {
  const { status, reason, send, draft, intent, confidence, language, sentiment, verdict, account, snapshot } = drafted;
  const [row] = await database.execute<Generation>({
    text: END_WITH_DRAFT,
    params: [
      id,
      status,
      reason,
      send,
      draft,
      intent,
      confidence,
      language,
      sentiment,
      storableJson(verdict),
      account.provider,
      account.model,
      snapshot,
    ],
  });
  return row ?? readGeneration(database, id);
}

async function readGeneration(database: Executor, id: string): Promise<Generation> {
  const [row] = await database.execute<Generation>({
    text: 'select id, status, reason, message_id as "messageId" from generations where id = $1::bigint',
    params: [id],
  });
  return row as Generation;
}

const END_WITH_DRAFT = `
with generation as (
  select g.* from generations g where g.id = $1::bigint and g.status = 'pending' for update
), conversation as (
  select c.* from conversations c join generation on c.id = generation.conversation_id for no key update of c
), stands as (
  select c.id, c.company_id, case
      when not $4::boolean then 'wait'
      when not coalesce(s.enabled, false) or s.mode <> 'pilot' then 'auto_send_off'
      when c.status <> 'active' or not c.ai_enabled then 'ai_off'
      when c.human_took_over_at is not null then 'human_took_over'
      when c.last_inbound_at <= now() - interval '24 hours' then 'window_closed'
      when has_opted_out(c.company_id, c.phone_e164, c.whatsapp_user_id, 'all') then 'opted_out'
      when exists (select from messages m, generation g where m.conversation_id = c.id and m.id > g.trigger_message_id
                     and (m.kind = 'text' or (m.author = 'customer' and m.body is not null))
                     and m.status not in ('failed', 'cancelled')) then 'conversation_moved_on'
      else 'send' end as verdict
  from conversation c
  left join ai_settings s on s.company_id = c.company_id
), outbox as (
  insert into messages (company_id, conversation_id, direction, author, kind, body, status)
  select company_id, id, 'outbound', 'ai', 'text', $5, 'queued' from stands where verdict = 'send'
  returning id, company_id
), ended as (
  update generations g
  set status      = case when stands.verdict = 'send' then 'auto_sent' else $2 end,
      reason      = case when stands.verdict in ('send', 'wait') then $3 else stands.verdict end,
      draft = $5, intent = $6, confidence = $7, language = $8, sentiment = $9, verdict = $10::jsonb,
      provider = $11, model = $12, model_snapshot = $13,
      message_id = (select id from outbox),
      finished_at = now()
  from stands
  where g.id = $1::bigint
  returning g.id, g.status, g.reason, g.message_id
), enqueued as (
  select jobqueue.add_job('message_send', jsonb_build_object('companyId', company_id, 'messageId', id::text),
           idempotency_key => 'message:' || id) as job
  from outbox
)
select ended.id, status, reason, message_id as "messageId"
from ended
left join enqueued on true
`;
