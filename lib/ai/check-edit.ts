/** The checks of a text that a person wrote: the same as of a draft, because a mistake reaches the customer all the same. */

import type { BucketLimit, RateLimit } from '@conversure/jobqueue';
import type { Executor } from '@conversure/jobqueue/postgres';
import { candidates } from './ai-generation/accounts.ts';
import type { Asker } from './ai-generation/ask.ts';
import { checkersFor, draftOf } from './ai-generation/checkers.ts';
import { type Checker, checkDraft, RULES } from './ai-generation/safety/check.ts';
import { type Verdict, verdictOf } from './ai-generation/safety/verdict.ts';
import { loadTurn, type Settings } from './ai-generation/turn.ts';

export interface Edit {
  readonly companyId: string;
  readonly generationId: string;
  readonly conversationId: string;
  readonly triggerMessageId: string;
  /** The language that the model said it wrote in. */
  readonly language: string | null;
  readonly text: string;
}

/** Somebody waits for the page: two checkers of their own time limits, and some room. */
const CHECK_MS = 45_000;

export async function checkEdit(database: Executor, edit: Edit): Promise<Verdict> {
  const { companyId, generationId, conversationId, triggerMessageId: messageId, text } = edit;
  const turn = await loadTurn(database, { companyId, conversationId, messageId });
  if (turn === null || turn.settings === null) return unchecked('the company has no AI settings to check by');
  const { settings } = turn;
  const signal = AbortSignal.timeout(CHECK_MS);
  const asker: Asker = { database, companyId, generationId, rateLimit: UNLIMITED, signal };
  const draft = draftOf(turn, settings, { text, declared: edit.language ?? settings.languages[0] ?? '' });
  return checkDraft(draft, await checkersOf(asker, settings), signal);
}

async function checkersOf(asker: Asker, settings: Settings): Promise<Checker[]> {
  const [candidate] = await candidates(asker.database, asker.companyId, settings);
  if (candidate) return checkersFor(asker, candidate.account, settings);
  if (!settings.moderation && !settings.judge) return [RULES];
  const check = () => Promise.reject(new Error('no language model is configured'));
  return [RULES, { name: 'moderation', check }];
}

/** One person's click at a time is no load on an account. */
const UNLIMITED: RateLimit = Object.assign(() => Promise.resolve(), {
  takeTokens: async (buckets: readonly BucketLimit[]) => buckets.map(({ key }) => ({ key, taken: true, retryInMs: 0 })),
  blockUntil: () => Promise.resolve(),
});

function unchecked(message: string): Verdict {
  return verdictOf([], { maxRiskScore: 0, checkedBy: [], errors: [{ checker: 'settings', message }] });
}
