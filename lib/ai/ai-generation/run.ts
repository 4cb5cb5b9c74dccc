/** Drafts the reply to one incoming message. All that it decides is in `generations`; the queue's job only names the message. */

import { type Continue, continueWith, type Handler, type JobContext, NonRetryableError } from '@conversure/jobqueue';
import { database, type Executor } from '@conversure/jobqueue/postgres';
import { noteAnswer, pauseConnection, readPause } from '../../connections/connection.ts';
import { waitForOperator, waitOut } from '../../connections/outage.ts';
import { judgeRefusals } from '../../connections/refusals.ts';
import { type Candidate, candidates, noteRefusal } from './accounts.ts';
import { type Asker, bucketOf } from './ask.ts';
import { checkersFor, draftOf } from './checkers.ts';
import { type Draft, draftReply, type Reply } from './draft.ts';
import { type Drafted, endQuietly, endWithDraft, type Generation, openGeneration, type Quiet } from './generation.ts';
import { intentsOf } from './messages.ts';
import type { PromptVersion } from './prompt-version.ts';
import { checkDraft } from './safety/check.ts';
import type { Verdict } from './safety/verdict.ts';
import { loadTurn, type Settings, type Turn } from './turn.ts';
import { repliesInARow, whyNot } from './why-not.ts';

interface Payload {
  readonly conversationId: string;
  readonly messageId: string;
  readonly companyId: string;
}

export const run: Handler<Payload> = (context) => generateReply(database(), context);

/** Calls that may have cost something, over all runs of one generation: more is a fault that money does not mend. */
const MAX_CALLS = 12;
/** The wait if a provider does not say when to come back. */
const THROTTLED_MS = 10_000;
/** A longer `Retry-After` is looked at again in between: the conversation may have moved on. */
const MAX_THROTTLED_MS = 10 * 60_000;

/** Answers how the generation stands, or, when a provider cannot be asked now, how to go on. */
export async function generateReply(database: Executor, context: JobContext<Payload>): Promise<unknown> {
  const { payload, job } = context;
  const turn = await loadTurn(database, payload);
  if (turn === null)
    throw new NonRetryableError(
      `company ${payload.companyId} has no incoming message ${payload.messageId} in a conversation ${payload.conversationId}`,
    );
  const { companyId, conversationId, messageId } = turn;
  const key = { companyId, conversationId, messageId, jobId: job.id };
  if (turn.generation !== null && turn.generation.status !== 'pending') return resultOf(turn.generation);
  const end = async (quiet: Quiet) => resultOf(await endQuietly(database, key, quiet));
  const answered = whyNot(turn);
  if ('reason' in answered) return end(answered);
  const { settings } = answered;
  const connection = { companyId: turn.companyId, provider: 'ai' } as const;
  if (await readPause(database, connection)) return waitForOperator(null);
  const pause = async (code: string, reason: string) => {
    await pauseConnection(database, connection, { code, reason });
    return waitForOperator(null);
  };

  const choices = await candidates(database, turn.companyId, settings);
  if (choices.length === 0) return pause('not_configured', 'no key, model or URL of a language model is configured');
  const opened = await openGeneration(database, { ...key, label: settings.promptLabel });
  if (opened === 'no_prompt')
    return pause('no_prompt', `the prompt 'reply' has no version with the label '${settings.promptLabel}'`);
  if (opened === 'ended') return generateReply(database, context); // by another run, a moment ago: the turn tells how
  if (opened.calls >= MAX_CALLS) return end({ status: 'failed', reason: 'too_many_calls' });

  const { rateLimit, signal } = context;
  const asker: Asker = { database, companyId: turn.companyId, generationId: opened.id, rateLimit, signal };
  return attempt(choices, { turn, settings, version: opened.prompt, asker, context, end, pause });
}

interface Attempt {
  readonly turn: Turn;
  readonly settings: Settings;
  readonly version: PromptVersion;
  readonly asker: Asker;
  readonly context: JobContext<Payload>;
  end(quiet: Quiet): Promise<object>;
  pause(code: string, reason: string): Promise<Continue>;
}

/** Asks the first account, and the next one if that refuses the company as a whole. */
async function attempt([candidate, ...others]: readonly Candidate[], given: Attempt): Promise<unknown> {
  const { turn, settings, version, asker, context, end, pause } = given;
  const { database, companyId, generationId } = asker;
  const { account } = candidate as Candidate;
  const connection = { companyId, provider: 'ai' } as const;
  const kind = `reply of ${account.provider} ${account.model}`;
  /** One message that no reply comes of is a person's; several in a row, of one kind, say that the settings are wrong, and they wait. */
  const endAlone = async (code: string, quiet: Quiet) => {
    const refused = [{ record: generationId, as: code }];
    const waits = await judgeRefusals(database, connection, [{ kind, accepted: 0, refused }]);
    return waits.has(generationId) ? waitForOperator(null) : end(quiet);
  };
  const bucket = bucketOf(account, companyId);
  const draft = await draftReply(asker, account, { turn, settings, version });
  switch (draft.kind) {
    case 'drafted':
      await noteAnswer(database, connection);
      await judgeRefusals(database, connection, [{ kind, accepted: 1, refused: [] }]);
      return finish(draft, account, given);
    case 'quota':
    case 'config':
      await noteRefusal(database, companyId, candidate as Candidate, draft);
      if (others.length > 0) return attempt(others, given);
      return pause(draft.code, `${account.provider}, ${account.model}: ${draft.message}`);
    case 'unpriced':
      return pause(
        'price_missing',
        `a budget is set, and model_prices has no price of ${account.provider} ${account.model}`,
      );
    case 'throttled': {
      const delayMs = Math.min(Math.max(draft.retryAfterMs ?? THROTTLED_MS, 1_000), MAX_THROTTLED_MS);
      await context.rateLimit.blockUntil(bucket, { delayMs });
      return continueWith(null, { delayMs: Math.round(delayMs * (1 + Math.random() * 0.1)) });
    }
    case 'transient': {
      const error = new Error(`${account.provider}: ${draft.code}: ${draft.message}`);
      return waitOut(context, database, connection, { bucket, state: null, error });
    }
    case 'over':
      return end({ status: 'skipped', reason: draft.reason });
    case 'blocked': {
      const blocked = { status: 'blocked', reason: `provider_safety: ${draft.code}` } as const;
      return draft.code === 'empty' ? endAlone('empty', blocked) : end(blocked);
    }
    case 'refused':
      return endAlone(draft.code, { status: 'failed', reason: `${draft.code}: ${draft.message}` });
    case 'hopeless':
      return endAlone(draft.code, { status: draft.code === 'truncated' ? 'blocked' : 'failed', reason: draft.code });
  }
}

/** Checks the reply, and stores it with what may be done with it. */
async function finish(
  { reply, snapshot }: Extract<Draft, { kind: 'drafted' }>,
  account: Candidate['account'],
  { turn, settings, asker }: Attempt,
): Promise<object> {
  const text = reply.reply.trim();
  const draft = draftOf(turn, settings, { text, declared: reply.language });
  const verdict = await checkDraft(draft, checkersFor(asker, account, settings), asker.signal);
  const { intent, confidence, language, sentiment } = reply;
  const decided = decide(reply, verdict, turn, settings);
  const drafted: Drafted = {
    ...decided,
    draft: text,
    intent,
    confidence,
    language,
    sentiment,
    verdict,
    account,
    snapshot,
  };
  return resultOf(await endWithDraft(asker.database, asker.generationId, drafted));
}

/** The one place that says what goes out by itself: everything has to speak for it. */
export function decide(
  { intent, confidence }: Reply,
  { decision }: Pick<Verdict, 'decision'>,
  turn: Pick<Turn, 'lines'>,
  settings: Settings,
): Pick<Drafted, 'status' | 'reason' | 'send'> {
  if (decision === 'block') return { status: 'blocked', reason: 'unsafe', send: false };
  if (decision === 'review') return { status: 'review', reason: 'unsafe', send: false };
  const review = (reason: string) => ({ status: 'review', reason, send: false }) as const;
  if (!intentsOf(settings).includes(intent)) return review('intent_not_allowed');
  if (confidence < settings.minConfidence) return review('low_confidence');
  if (repliesInARow({ lines: turn.lines }) >= settings.maxConsecutiveReplies)
    return review('too_many_replies_in_a_row');
  const send = settings.mode === 'pilot' && settings.autoSendIntents.includes(intent);
  return { status: 'drafted', reason: null, send };
}

function resultOf({ id, status, reason, messageId }: Generation): object {
  return { generationId: id, status, reason, messageId };
}
