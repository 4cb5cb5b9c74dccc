/** One paid call: a token of the rate limit, the money, the call, and the account of it. */

import type { RateLimit } from '@conversure/jobqueue';
import type { Executor } from '@conversure/jobqueue/postgres';
import type { z } from 'zod';
import { type AiAccount, type Answer, askModel, type Form, lessStrict } from '../../providers/ai.ts';
import { learnForm, readForm } from './form.ts';
import type { Prompt } from './messages.ts';
import { endCall, type Purpose, type Reserved, reserve } from './spend.ts';

/**
 * Below the lowest paid tiers of OpenAI (500 a minute) and Gemini (150 to 1,000 a minute); what an account really allows it says
 * itself, by 429.
 */
const LIMIT = { perSecond: 2, burst: 20 } as const;
/** Tokens that a provider adds around the messages: roles, separators, the schema of the answer. */
const FRAME_TOKENS = 1_000;

export interface Asker {
  readonly database: Executor;
  readonly companyId: string;
  readonly generationId: string;
  readonly rateLimit: RateLimit;
  readonly signal: AbortSignal;
}

export interface Call<T> {
  readonly account: AiAccount;
  readonly purpose: Purpose;
  readonly prompt: Prompt;
  readonly schema: z.ZodType<T>;
  readonly temperature: number;
  readonly maxOutputTokens: number;
}

/** The bucket that calls of an account take from: companies that share the deployment's key share its limit. */
export function bucketOf({ provider, owner }: AiAccount, companyId: string): string {
  return owner === 'company' ? `ai:${provider}:company:${companyId}` : `ai:${provider}:deployment`;
}

/** An answer in some form: that a form is not known, is the business of `ask` alone. */
export type Asked<T> = Exclude<Answer<T>, { kind: 'unsupported' }> | Exclude<Reserved, { kind: 'reserved' }>;

/**
 * Asks in the form that the account is known to understand, then in looser ones; a server that knows none of them is a matter of
 * settings. Rejects with PostponedError if the rate limit has no token soon, and with the signal's reason when that fires.
 */
export async function ask<T>(asker: Asker, call: Call<T>): Promise<Asked<T>> {
  const { database, companyId } = asker;
  let reason: string | null = null;
  let form = await readForm(database, companyId, call.account);
  for (;;) {
    const answer: Asked<T> | Extract<Answer<T>, { kind: 'unsupported' }> = await askIn(form, asker, call);
    if (answer.kind !== 'unsupported') {
      const isUnderstood = answer.kind === 'ok' || answer.kind === 'unparsable' || answer.kind === 'truncated';
      if (reason !== null && isUnderstood) await learnForm(database, companyId, call.account, { form, reason });
      return answer;
    }
    reason ??= answer.message;
    const next = lessStrict(form);
    if (next === null) return { ...answer, kind: 'config' };
    form = next;
  }
}

/** The limit comes before the money: a job that is sent away must not hold any. */
async function askIn<T>(
  form: Form,
  { database, companyId, generationId, rateLimit, signal }: Asker,
  { account, purpose, prompt, schema, temperature, maxOutputTokens }: Call<T>,
): Promise<Answer<T> | Exclude<Reserved, { kind: 'reserved' }>> {
  await rateLimit(bucketOf(account, companyId), LIMIT);
  const inputTokens = bytesOf(prompt) + FRAME_TOKENS;
  const wanted = { companyId, generationId, account, purpose, inputTokens, outputTokens: maxOutputTokens };
  const reserved = await reserve(database, wanted);
  if (reserved.kind !== 'reserved') return reserved;
  let answer: Answer<T> | null = null;
  try {
    answer = await askModel(account, { ...prompt, schema, form, temperature, maxOutputTokens }, signal);
    return answer;
  } finally {
    await endCall(database, reserved.callId, answer);
  }
}

function bytesOf({ system, messages }: Prompt): number {
  return messages.reduce((bytes, { content }) => bytes + Buffer.byteLength(content), Buffer.byteLength(system));
}
