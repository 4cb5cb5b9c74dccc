/** Language models behind one function: OpenAI, Google and whatever speaks OpenAI's chat completions. */
import { generateText, type LanguageModelUsage, NoObjectGeneratedError, Output } from 'ai';
import { z } from 'zod';
import type { AiAccount } from './ai/account.ts';
import { type Answer, type Told, UNTOLD, type Usage } from './ai/answer.ts';
import { failureOf, refusal } from './ai/failure.ts';
import { languageModel, providerOptions } from './ai/model.ts';

export { type AiAccount, type AiChoice, aiAccount } from './ai/account.ts';
export type { Answer, Failure, Usage } from './ai/answer.ts';
export { type Moderation, moderate, moderationAccount } from './ai/moderation.ts';

export interface ChatMessage {
  readonly role: 'user' | 'assistant';
  readonly content: string;
}

export interface Question<T> {
  readonly system: string;
  /** The last one is the user's. */
  readonly messages: readonly ChatMessage[];
  /** What the answer must be; a JSON object. */
  readonly schema: z.ZodType<T>;
  readonly temperature: number;
  /** Reasoning included. */
  readonly maxOutputTokens: number;
}

/** How long one call may take: replies are short, and the queue comes again. */
const CALL_MS = 30_000;
const SHOWN_TEXT = 4_000;

/**
 * One call, never a second one: retries belong to the queue, which knows what they cost. Resolves to what became of it; rejects
 * only when `signal` fired, with its reason.
 */
export async function askModel<T>(account: AiAccount, question: Question<T>, signal: AbortSignal): Promise<Answer<T>> {
  const { schema, ...rest } = question;
  try {
    const result = await generateText({
      ...rest,
      messages: [...rest.messages],
      model: languageModel(account),
      output: Output.object({ schema }),
      providerOptions: providerOptions(account),
      maxRetries: 0,
      abortSignal: AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)]),
    });
    const told = { ...toldBy(result), finishReason: result.rawFinishReason ?? result.finishReason };
    // An answer that a safety filter emptied is a success to the SDK.
    if (result.finishReason === 'content-filter' || result.text === '') return unwritten(result.finishReason, told);
    if (result.finishReason === 'length') return truncated(told);
    return { kind: 'ok', value: result.output as T, ...told };
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (NoObjectGeneratedError.isInstance(error)) return unparsed(error, account);
    return { ...UNTOLD, ...failureOf(error, account.apiKey) };
  }
}

function unparsed<T>(error: NoObjectGeneratedError, { apiKey }: AiAccount): Answer<T> {
  const told = { ...toldBy(error), finishReason: error.finishReason ?? null };
  if (error.finishReason === 'content-filter') return unwritten('content-filter', told);
  if (error.finishReason === 'length') return truncated(told);
  if (isRefusal(error.response)) return { kind: 'blocked', code: 'refusal', message: 'the model refused', ...told };
  const text = (error.text ?? '').slice(0, SHOWN_TEXT);
  if (text.trim() === '') return unwritten('stop', told);
  return { kind: 'unparsable', text, ...refusal('no_object', error, apiKey), ...told };
}

/** OpenAI's chat completions put a refusal beside the content, and the SDK hands it on as if it were text. */
const Refused = z.object({
  body: z.object({ choices: z.array(z.object({ message: z.object({ refusal: z.string().min(1) }) })).min(1) }),
});

function isRefusal(response: unknown): boolean {
  return Refused.safeParse(response).success;
}

function unwritten<T>(finishReason: string, told: Told): Answer<T> {
  if (finishReason === 'content-filter')
    return {
      kind: 'blocked',
      code: 'content_filter',
      message: "the provider's safety filter stopped the answer",
      ...told,
    };
  if (finishReason === 'length') return truncated(told);
  return { kind: 'blocked', code: 'empty', message: 'the model answered nothing', ...told };
}

function truncated<T>(told: Told): Answer<T> {
  return { kind: 'truncated', code: 'length', message: 'the answer did not fit the output cap', ...told };
}

interface Reported {
  readonly usage: LanguageModelUsage | undefined;
  readonly response: { readonly modelId: string } | undefined;
}

function toldBy({ usage, response }: Reported): Omit<Told, 'finishReason'> {
  return { usage: usageOf(usage), snapshot: response?.modelId ?? null };
}

function usageOf(usage: LanguageModelUsage | undefined): Usage | null {
  if (usage?.inputTokens === undefined || usage.outputTokens === undefined) return null;
  const { inputTokens, outputTokens, inputTokenDetails } = usage;
  return {
    inputTokens,
    cachedInputTokens: Math.min(inputTokenDetails.cacheReadTokens ?? 0, inputTokens),
    outputTokens,
  };
}
