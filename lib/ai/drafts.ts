/** Drafts as people see them: those that wait for a decision, and one with its conversation. Reads only. */
import type { Executor } from '@conversure/jobqueue/postgres';
import type { Generation } from './ai-generation/generation.ts';
import type { Verdict } from './ai-generation/safety/verdict.ts';

/** In SQL, of a generation `g`: it waits for a person. `failed` and some `blocked` ones have no text: somebody has to write it. */
export const IS_WAITING = `g.status in ('drafted', 'review', 'blocked', 'failed')`;
/** The same: it cannot be sent as it is. */
export const IS_BLOCKED = `(g.status in ('blocked', 'failed') or g.draft is null or coalesce(g.verdict ->> 'decision', '') = 'block')`;

export interface DraftSummary {
  readonly draftId: string;
  readonly companyId: string;
  readonly companyName: string;
  readonly conversationId: string;
  /** Phone in E.164, or the customer's name if the lead has one. */
  readonly customer: string;
  readonly status: Generation['status'];
  /** Why it was not sent by itself; null: the company's settings want a person. */
  readonly reason: string | null;
  /** The message that it answers. */
  readonly question: string | null;
  readonly draft: string | null;
  readonly createdAt: string;
  /** It cannot be sent as it is: the checks block it, or there is no text. */
  readonly isBlocked: boolean;
  /** The customer has written since. */
  readonly isOutdated: boolean;
}

export interface DraftsPage {
  readonly drafts: readonly DraftSummary[];
  /** The id that the next page begins after; null if this is the last. */
  readonly next: string | null;
}

/** Those that wait, of all companies or of one, the newest first, 50 a page. `after`: the last id of the page before. */
export async function draftsPage(
  database: Executor,
  { companyId, after }: { readonly companyId?: string | undefined; readonly after?: string | undefined },
): Promise<DraftsPage> {
  const found = await database.execute<DraftSummary>({
    text: `select ${SUMMARY} from ${JOINED}
      where ${IS_WAITING} and ($1::text is null or g.company_id = $1) and ($2::bigint is null or g.id < $2)
      order by g.id desc
      limit $3::int`,
    params: [companyId ?? null, after ?? null, PAGE + 1],
  });
  const drafts = found.slice(0, PAGE);
  return { drafts, next: found.length > PAGE ? (drafts.at(-1)?.draftId ?? null) : null };
}

const PAGE = 50;

export interface DraftLine {
  readonly id: string;
  readonly direction: 'inbound' | 'outbound';
  readonly author: 'customer' | 'ai' | 'person' | 'campaign' | 'system';
  readonly kind: string;
  readonly body: string | null;
  readonly status: string;
  readonly at: string;
}

export interface DraftView extends DraftSummary {
  readonly isWaiting: boolean;
  readonly intent: string | null;
  readonly confidence: number | null;
  readonly language: string | null;
  readonly model: string | null;
  readonly verdict: Verdict | null;
  /** The text as a person edited it; while the draft waits, the last edit that was not sent. */
  readonly edited: string | null;
  readonly editedVerdict: Verdict | null;
  readonly decidedBy: string | null;
  readonly decidedAt: string | null;
  readonly decisionReason: string | null;
  /** The status of the reply that was sent. */
  readonly messageStatus: string | null;
  /** Somebody of ours has written since. */
  readonly isAnswered: boolean;
  /** WhatsApp takes no free text later than that. */
  readonly windowEndsAt: string | null;
  /** The newest message of the customer: whoever decides has seen it. */
  readonly lastInboundId: string;
  /** Oldest first, at most 30, the newest of them last. */
  readonly lines: readonly DraftLine[];
}

/** `null` if there is none. A generation that no person ever had to decide is no draft. */
export async function readDraft(database: Executor, draftId: string): Promise<DraftView | null> {
  const [row] = await database.execute<DraftView>({
    text: `
      select ${SUMMARY}, ${IS_WAITING} as "isWaiting", g.intent, g.confidence, g.language,
             coalesce(g.model_snapshot, g.model) as model, g.verdict, g.edited, g.edited_verdict as "editedVerdict",
             g.decided_by as "decidedBy", ${instant('g.decided_at')} as "decidedAt", g.decision_reason as "decisionReason",
             (select m.status from messages m where m.id = g.message_id) as "messageStatus",
             exists (select from messages m where m.conversation_id = g.conversation_id and m.id > g.trigger_message_id
               and m.author = 'person' and m.id is distinct from g.message_id
               and m.status not in ('failed', 'cancelled')) as "isAnswered",
             ${instant("c.last_inbound_at + interval '24 hours'")} as "windowEndsAt",
             (select max(m.id)::text from messages m
               where m.conversation_id = g.conversation_id and m.direction = 'inbound') as "lastInboundId",
             (select jsonb_agg(line order by id) from (
               select m.id, jsonb_build_object('id', m.id::text, 'direction', m.direction, 'author', m.author, 'kind', m.kind,
                        'body', m.body, 'status', m.status, 'at', ${instant('m.occurred_at')}) as line
               from messages m where m.conversation_id = g.conversation_id
               order by m.id desc limit ${MOST_LINES}) as latest) as lines
      from ${JOINED}
      where g.id = $1::bigint and (${IS_WAITING} or g.decided_at is not null)`,
    params: [draftId],
  });
  return row ?? null;
}

/** The messages that a person reads before they answer; older ones are in the company's own inbox. */
const MOST_LINES = 30;

const JOINED = `generations g
  join companies company on company.id = g.company_id
  join conversations c on c.id = g.conversation_id
  join messages question on question.id = g.trigger_message_id
  left join leads lead on lead.id = c.lead_id`;

const SUMMARY = `g.id::text as "draftId", g.company_id as "companyId", company.name as "companyName",
  g.conversation_id::text as "conversationId", coalesce(nullif(lead.name, ''), c.phone_e164, '') as customer,
  g.status, g.reason, ${IS_BLOCKED} as "isBlocked", question.body as question, g.draft, ${instant('g.created_at')} as "createdAt",
  exists (select from messages later where later.conversation_id = g.conversation_id and later.id > g.trigger_message_id
    and later.direction = 'inbound') as "isOutdated"`;

function instant(expression: string): string {
  return `to_char((${expression}) at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}
