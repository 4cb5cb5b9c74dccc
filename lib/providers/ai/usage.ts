/** The tokens of one call that are paid for: never fewer than the provider reports as its total. Pure. */
import type { LanguageModelUsage } from 'ai';
import { z } from 'zod';
import type { Usage } from './answer.ts';

/** OpenAI's name and Google's. The SDK's own `totalTokens` is a sum of the parts. */
const Reported = z.looseObject({
  total_tokens: z.number().nullish().catch(null),
  totalTokenCount: z.number().nullish().catch(null),
});
/** The largest value of an integer column. */
const MOST = 2 ** 31 - 1;

/**
 * `null` if the provider did not count one of the sides. OpenAI counts reasoning within the completion, xAI and some gateways
 * beside it: the total decides, and whatever it has beyond the parts is paid for as output, which is never the cheaper side.
 */
export function usageOf(usage: LanguageModelUsage | undefined): Usage | null {
  if (usage === undefined) return null;
  const reported = Reported.safeParse(usage.raw).data;
  const total = tokens(reported?.total_tokens ?? reported?.totalTokenCount);
  const inputTokens = tokens(usage.inputTokens);
  const completion = tokens(usage.outputTokens);
  const reasoning = tokens(usage.outputTokenDetails.reasoningTokens);
  const parts = reasoning > completion ? completion + reasoning : completion; // more than the completion is no part of it
  const isCounted = inputTokens > 0 ? Math.max(parts, total) > 0 : total > parts;
  if (!isCounted) return null;
  return {
    inputTokens,
    cachedInputTokens: Math.min(tokens(usage.inputTokenDetails.cacheReadTokens), inputTokens),
    outputTokens: Math.max(parts, total - inputTokens),
  };
}

function tokens(count: number | null | undefined): number {
  return Math.min(MOST, Math.max(0, Math.ceil(count ?? 0) || 0));
}
