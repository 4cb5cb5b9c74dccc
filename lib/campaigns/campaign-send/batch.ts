/** Sends to those who were claimed: each at most once, each with its tokens, and none after something says stop. */
import { setMaxListeners } from 'node:events';
import { type JobContext, PostponedError } from '@conversure/jobqueue';
import type { Executor } from '@conversure/jobqueue/postgres';
import { numberBucket, numberLimit, pairBucket, sendMessage, type WhatsAppAccount } from '../../providers/whatsapp.ts';
import type { Claimed, Claims } from './claim.ts';
import { messageFor, type TemplateMessage } from './message.ts';
import { takePairs } from './pairs.ts';
import { startLedger } from './settle.ts';
import { dropTranslations } from './translations.ts';
import {
  failedHere,
  gravest,
  type Halt,
  heldPair,
  isOfTemplate,
  judge,
  unstarted,
  type Verdict,
  withoutTranslation,
} from './verdict.ts';

export interface Batch {
  readonly campaignId: string;
  readonly account: WhatsAppAccount;
  /** Messages a second that the sending number may send. */
  readonly perSecond: number;
  /** The longest that one call may take, ms. */
  readonly callMs: number;
}

export interface Sent {
  readonly accepted: number;
  readonly unknown: number;
  readonly called: number;
  /** Why the rest was not sent. */
  readonly halt: Halt | null;
  /** The number has no token soon, or the run is told to end: this run sends nothing more. */
  readonly stopped: boolean;
}

/** After this long a claim may be taken for dead by others: see STALE_CLAIM_S. What was not called by then is not. */
const CLAIM_MS = 60_000;
/** Time that running calls get to be answered once the job has to end, ms. An unanswered call is a message with an unknown outcome. */
const GRACE_MS = 1_000;

type Taken = Extract<Claims, { kind: 'claimed' }>;

/** Resolves when everything that became of the batch is committed. */
export async function sendBatch(
  database: Executor,
  { rateLimit, signal }: Pick<JobContext<unknown>, 'rateLimit' | 'signal'>,
  { campaignId, account, perSecond, callMs }: Batch,
  { claimed, template, templates }: Taken,
): Promise<Sent> {
  const claimedAtMs = performance.now();
  setMaxListeners(2 * claimed.length + 10, signal); // each waits for its token and its answer: no leak
  const ledger = startLedger(database, campaignId);
  const halts: Halt[] = [];
  const counts = { accepted: 0, unknown: 0, called: 0 };
  const translations = new Map<string, number>();
  let stopped = false;
  const cut = cutAfter(signal);

  async function send(one: Claimed): Promise<void> {
    const { phone, language, parameters: texts } = one;
    const written = messageFor({ phone, language, texts }, { template, templates });
    if (written.kind === 'missing') {
      halts.push(TEMPLATE_CHANGED);
      return ledger.note(unstarted(one));
    }
    if (written.kind === 'refused')
      return ledger.note(failedHere(one, { code: CODES[written.why], error: written.message }));
    if (!(await hasToken())) return ledger.note(unstarted(one));
    const { outcome, halt } = await call(one, written.message);
    ledger.note(outcome);
    if (halt) halts.push(halt);
    if (outcome.reason === 'pair_limit')
      await rateLimit.blockUntil(pairBucket(account.phoneNumberId, one.phone), { delayMs: outcome.delayMs ?? 0 });
  }

  async function hasToken(): Promise<boolean> {
    try {
      if (!stopped && halts.length === 0) {
        await rateLimit(numberBucket(account.phoneNumberId), numberLimit(perSecond));
        if (halts.length === 0 && !signal.aborted && performance.now() - claimedAtMs < CLAIM_MS) return true;
      }
    } catch (error) {
      if (!(error instanceof PostponedError) && !signal.aborted) throw error;
      stopped = true;
    }
    return false;
  }

  async function call(one: Claimed, message: TemplateMessage): Promise<Verdict> {
    counts.called++;
    const options = { opaqueId: one.opaqueId, signal: AbortSignal.any([cut.signal, AbortSignal.timeout(callMs)]) };
    const sent = await sendMessage(account, message, options);
    if (sent.kind === 'unsent' && signal.aborted) return { outcome: unstarted(one), halt: null };
    if (sent.kind === 'accepted') counts.accepted++;
    if (sent.kind === 'unknown') counts.unknown++;
    const verdict = judge(one, sent, Math.random);
    if (sent.kind !== 'refused' || message.language === template.language || !isOfTemplate(sent.error.effect))
      return verdict;
    translations.set(message.language, sent.error.code);
    return withoutTranslation(verdict);
  }

  try {
    const held = await takePairs(rateLimit, account.phoneNumberId, claimed);
    for (const one of claimed) {
      const delayMs = held.get(one.id);
      if (delayMs !== undefined) ledger.note(heldPair(one, delayMs));
    }
    await Promise.all(claimed.filter(({ id }) => !held.has(id)).map(send));
  } finally {
    cut.end();
    await ledger.close();
  }
  await dropTranslations(database, campaignId, translations);
  return { ...counts, halt: gravest(halts), stopped: stopped || signal.aborted };
}

/** Meta's own codes, so that reports have one line for one fault. */
const CODES = { text_too_long: 132005, parameter_invalid: 132012 } as const;

const TEMPLATE_CHANGED: Halt = {
  kind: 'pause_campaign',
  code: 'template_changed',
  message: 'the template now wants parameters that this campaign was not planned with',
};

/** A signal that fires a while after the job's. */
function cutAfter(signal: AbortSignal): { readonly signal: AbortSignal; end(): void } {
  const cut = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const begin = () => {
    timer = setTimeout(() => cut.abort(signal.reason), GRACE_MS);
  };
  if (signal.aborted) begin();
  else signal.addEventListener('abort', begin, { once: true });
  return {
    signal: cut.signal,
    end() {
      clearTimeout(timer);
      signal.removeEventListener('abort', begin);
    },
  };
}
