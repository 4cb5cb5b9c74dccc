/** One page after the other, one account after the other. What Meta no longer lists is dropped after the last page, never before. */

import { continueWith, type Handler, type JobContext, NonRetryableError } from '@conversure/jobqueue';
import { database, type Executor } from '@conversure/jobqueue/postgres';
import { z } from 'zod';
import { readPause } from '../../connections/connection.ts';
import { log } from '../../log.ts';
import { companiesOfAccount } from '../../messaging/company.ts';
import { whatsAppEnvironment } from '../../providers/whatsapp/environment.ts';
import {
  inShort,
  MANAGEMENT_LIMIT,
  managementBucket,
  readTemplatesPage,
  throttleMs,
  type WhatsAppError,
  whatsAppAccount,
} from '../../providers/whatsapp.ts';
import { beginSync, endSync, failSync, nextAccount, storePage } from '../sync.ts';

interface Payload {
  readonly companyId?: string | undefined;
}

const State = z.object({
  accountId: z.string(),
  companyId: z.string(),
  startedMs: z.number(),
  /** The cursor of the next page; null: the first. */
  cursor: z.string().nullable(),
  pages: z.int(),
  templates: z.int(),
  /** Consecutive waits for Meta. */
  waits: z.int(),
  /** Refusals of the accounts before it, in words. */
  refusals: z.array(z.string()),
});
type State = z.output<typeof State>;

/** A new template is here within the hour, and an account costs some 60 of its 200 calls an hour at most. */
const EVERY_MS = 55 * 60_000;
/** Meta allows an account 6,000 templates, which are 60 pages; what goes on after this goes in a circle. */
const MOST_PAGES = 150;
/** Then others have a turn, and what was read need not be read again. */
const PAGES_A_RUN = 10;
/** A page without answer is asked for again after 16, 64, 256, 300 and 300 s: then the next account has its turn. */
const MOST_UNANSWERED = 5;
/** The most refusals that an error lists. The log has all of them. */
const TOLD_REFUSALS = 10;
/** Meta's: a parameter is not valid, a cursor has expired. */
const CURSOR_CODES = [100, 131059];

export const run: Handler<Payload> = (context) => syncTemplates(database(), context);

export async function syncTemplates(executor: Executor, context: JobContext<Payload>): Promise<unknown> {
  const { payload, job, signal } = context;
  const left = State.safeParse(job.state);
  const refusals = left.success ? left.data.refusals : [];
  let state = left.success ? left.data : await begin(executor, payload, '');
  if (state === null && payload.companyId !== undefined)
    throw new NonRetryableError(
      `company ${payload.companyId} has no WhatsApp account: set whatsapp_account_id in its settings, or WHATSAPP_ACCOUNT_ID`,
    );
  let [synced, paused] = [0, 0];
  for (let pages = 0; state !== null; pages++) {
    if (signal.aborted || pages >= PAGES_A_RUN) return continueWith({ ...state, refusals });
    const turn: Turn = await onePage(executor, context, state);
    if (turn.kind === 'later') return continueWith({ ...turn.state, refusals }, { delayMs: turn.delayMs });
    if (turn.kind === 'more') {
      state = turn.state;
      continue;
    }
    if (turn.kind === 'paused') paused++;
    else if (turn.refusal === null) synced++;
    else if (refusals.length < TOLD_REFUSALS) refusals.push(`${state.accountId}: ${turn.refusal}`);
    state = await begin(executor, payload, state.accountId);
  }
  if (refusals.length === 0) return { accounts: synced, ...(paused > 0 && { paused }) };
  throw new NonRetryableError(`all accounts were asked, and refused: ${refusals.join('; ')}`); // the next of the schedule asks them again
}

type Turn =
  | { readonly kind: 'more'; readonly state: State }
  | { readonly kind: 'later'; readonly state: State; readonly delayMs: number }
  /** An operator knows, and its account is asked once the connection is resumed. */
  | { readonly kind: 'paused' }
  /** The account is done with. */
  | { readonly kind: 'ended'; readonly refusal: string | null };

async function onePage(executor: Executor, context: JobContext<Payload>, state: State): Promise<Turn> {
  const { accountId, companyId, cursor } = state;
  const pause = await readPause(executor, { companyId, provider: 'whatsapp' });
  if (pause !== null) {
    await failSync(executor, accountId, `the connection is paused: ${pause.reason}`);
    return { kind: 'paused' };
  }
  const account = await whatsAppAccount(executor, companyId);
  if (account === null) return refuse(executor, state, 'a number or a token is missing');
  await context.rateLimit(managementBucket(accountId), MANAGEMENT_LIMIT);
  const page = await readTemplatesPage(account, { accountId, after: cursor, signal: context.signal });
  if (page.kind === 'unanswered') return unanswered(executor, state, page.error.message);
  if (page.kind === 'refused') return refused(executor, context, state, page.error);
  const companies = await companiesOfAccount(executor, accountId);
  const { strange } = await storePage(executor, companies, page.templates);
  if (strange + page.unreadable > 0)
    log.warn({ accountId, strange, unreadable: page.unreadable }, 'whatsapp_templates_unknown');
  const [pages, templates] = [state.pages + 1, state.templates + page.templates.length];
  if (page.after !== null && pages < MOST_PAGES)
    return { kind: 'more', state: { ...state, cursor: page.after, pages, templates, waits: 0 } };
  if (page.after !== null) return refuse(executor, state, `the list does not end after ${MOST_PAGES} pages`);
  // An entry that cannot be read may be any template: then nobody can say which are gone.
  if (page.unreadable > 0) return refuse(executor, state, `${page.unreadable} templates could not be read`);
  const gone = await endSync(executor, companies, { accountId, startedMs: state.startedMs, templates });
  log.info({ accountId, templates, gone }, 'whatsapp_templates_synced');
  return { kind: 'ended', refusal: null };
}

async function refused(
  executor: Executor,
  { rateLimit }: JobContext<Payload>,
  state: State,
  error: WhatsAppError,
): Promise<Turn> {
  switch (error.effect) {
    case 'throttle_app':
    case 'throttle_account':
    case 'throttle_number': {
      const later = waiting(state, error.retryAfterMs ?? 0);
      await rateLimit.blockUntil(managementBucket(state.accountId), { delayMs: later.delayMs });
      return later;
    }
    case 'retry':
    case 'ambiguous':
      return unanswered(executor, state, inShort(error));
    default:
      // A cursor expires when the list changes: from the beginning, under the same bound of pages.
      if (state.cursor !== null && CURSOR_CODES.includes(error.code) && state.pages < MOST_PAGES)
        return { kind: 'more', state: { ...state, cursor: null, pages: state.pages + 1, templates: 0 } };
      return refuse(executor, state, inShort(error));
  }
}

/** Not a retry of the queue's: that would begin anew, with the accounts that were not asked yet. */
async function unanswered(executor: Executor, state: State, error: string): Promise<Turn> {
  return state.waits < MOST_UNANSWERED ? waiting(state, 0) : refuse(executor, state, error);
}

function waiting(state: State, leastMs: number): Extract<Turn, { kind: 'later' }> {
  const delayMs = Math.max(throttleMs(state.waits + 2), leastMs);
  return { kind: 'later', state: { ...state, waits: Math.min(state.waits + 1, 10) }, delayMs };
}

async function refuse(executor: Executor, { accountId }: State, refusal: string): Promise<Turn> {
  log.warn({ accountId, reason: refusal }, 'whatsapp_templates_refused');
  await failSync(executor, accountId, refusal);
  return { kind: 'ended', refusal };
}

async function begin(executor: Executor, { companyId }: Payload, after: string): Promise<State | null> {
  if (companyId !== undefined && after !== '') return null;
  const { accountId: own } = whatsAppEnvironment();
  const due = await nextAccount(executor, { own, companyId: companyId ?? null, after, everyMs: EVERY_MS });
  if (due === null) return null;
  await beginSync(executor, due.accountId);
  return { ...due, cursor: null, pages: 0, templates: 0, waits: 0, refusals: [] };
}
