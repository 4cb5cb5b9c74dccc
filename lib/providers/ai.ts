/** Language models behind one function: OpenAI, Google and whatever speaks OpenAI's chat completions. */

import { storableJson } from '@conversure/jobqueue';
import { generateText } from 'ai';
import { z } from 'zod';
import type { AiAccount } from './ai/account.ts';
import { type Answer, type Told, UNTOLD } from './ai/answer.ts';
import { failureOf, refusal } from './ai/failure.ts';
import { type Form, valueIn, writtenIn } from './ai/form.ts';
import { languageModel, providerOptions } from './ai/model.ts';
import { usageOf } from './ai/usage.ts';

export { type AiAccount, type AiChoice, aiAccount } from './ai/account.ts';
export type { Answer, Failure, Usage } from './ai/answer.ts';
export { FORMS, type Form, lessStrict } from './ai/form.ts';
export { type Moderation, moderate, moderationAccount } from './ai/moderation.ts';

export interface ChatMessage {
  readonly role: 'user' | 'assistant';
  readonly content: string;
}

export interface Question<T> {
  readonly system: string;
  /** The last one is the user's. */
  readonly messages: readonly ChatMessage[];
  /** The schema of the answer, a JSON object. The prompt describes it too, because not every form of call carries it. */
  readonly schema: z.ZodType<T>;
  readonly form: Form;
  readonly temperature: number;
  /** Reasoning included. */
  readonly maxOutputTokens: number;
}

/** The longest that one call may take, ms: replies are short, and the queue retries. */
const CALL_MS = 30_000;
const SHOWN_TEXT = 4_000;

/**
 * One call, never a second one: retries belong to the queue, which knows what they cost. Resolves to what became of it; rejects
 * only when `signal` fired, with its reason. No text of the answer holds a NUL or half a character, which Postgres refuses.
 */
export async function askModel<T>(account: AiAccount, question: Question<T>, signal: AbortSignal): Promise<Answer<T>> {
  return JSON.parse(storableJson(await asked(account, question, signal))) as Answer<T>;
}

async function asked<T>(account: AiAccount, question: Question<T>, signal: AbortSignal): Promise<Answer<T>> {
  const { schema, form, ...rest } = question;
  try {
    const result = await generateText({
      ...rest,
      messages: [...rest.messages],
      model: languageModel(account),
      output: writtenIn(form, schema),
      providerOptions: providerOptions(account),
      maxRetries: 0,
      abortSignal: AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)]),
    });
    return read(result, schema, account);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    return { ...UNTOLD, ...failureOf(error, account.apiKey) };
  }
}

type Written = Pick<
  Awaited<ReturnType<typeof generateText>>,
  'text' | 'finishReason' | 'rawFinishReason' | 'usage' | 'response'
>;

/** An answer that a safety filter emptied is a success to the SDK, and so is a refusal in words. */
function read<T>(
  { text, finishReason, rawFinishReason, usage, response }: Written,
  schema: z.ZodType<T>,
  { apiKey }: AiAccount,
): Answer<T> {
  const told: Told = {
    usage: usageOf(usage),
    snapshot: response.modelId,
    finishReason: rawFinishReason ?? finishReason,
  };
  const blocked = (code: string, message: string) => ({ kind: 'blocked', code, message, ...told }) as const;
  if (finishReason === 'content-filter')
    return blocked('content_filter', "the provider's safety filter stopped the answer");
  if (finishReason === 'length')
    return { kind: 'truncated', code: 'length', message: 'the answer did not fit the output cap', ...told };
  if (Refused.safeParse(response).success) return blocked('refusal', 'the model refused');
  if (text.trim() === '') return blocked('empty', 'the model answered nothing');
  try {
    return { kind: 'ok', value: valueIn(text, schema), ...told };
  } catch (error) {
    return { kind: 'unparsable', text: text.slice(0, SHOWN_TEXT), ...refusal('no_object', error, apiKey), ...told };
  }
}

/** OpenAI's chat completions put a refusal beside the content, and the SDK hands it on as if it were text. */
const Refused = z.object({
  body: z.object({ choices: z.array(z.object({ message: z.object({ refusal: z.string().min(1) }) })).min(1) }),
});
