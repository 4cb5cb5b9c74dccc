/** One paid call: a token of the rate limit, the money, the call, and the account of it. */
import type { z } from 'zod';
import type { Executor } from '../../../db/database.ts';
import type { RateLimit } from '../../jobqueue/job.ts';
import { type AiAccount, type Answer, askModel } from '../../providers/ai.ts';
import type { Prompt } from './messages.ts';
import { endCall, type Purpose, type Reserved, reserve } from './spend.ts';

/**
 * Below the lowest paid tiers of OpenAI (500 a minute) and Gemini (150 to 1,000 a minute); what an account really allows it says
 * itself, by 429.
 */
const LIMIT = { perSecond: 2, burst: 20 } as const;
/** What a provider adds around the messages: roles, separators, the schema of the answer. */
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

/**
 * Rejects with PostponedError if the rate limit has no token soon, and with the signal's reason when that fires. The limit comes
 * before the money: a job that is sent away must not hold any.
 */
export async function ask<T>(
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
    answer = await askModel(account, { ...prompt, schema, temperature, maxOutputTokens }, signal);
    return answer;
  } finally {
    await endCall(database, reserved.callId, answer);
  }
}

function bytesOf({ system, messages }: Prompt): number {
  return messages.reduce((bytes, { content }) => bytes + Buffer.byteLength(content), Buffer.byteLength(system));
}
