/** OpenAI's moderation endpoint: free of charge, and the same whichever model wrote the text. */
import { z } from 'zod';
import type { AiAccount } from './account.ts';
import { environmentKey, environmentUrl } from './environment.ts';

const MODEL = 'omni-moderation-latest';
/** It answers in well under a second. */
const TIMEOUT_MS = 10_000;

export const ModerationAnswer = z.object({
  id: z.string(),
  model: z.string(),
  results: z
    .array(
      z.object({
        flagged: z.boolean(),
        categories: z.record(z.string(), z.boolean()),
        category_scores: z.record(z.string(), z.number()),
      }),
    )
    .min(1),
});

export interface Moderation {
  /** The categories that were flagged; empty: none. */
  readonly flagged: readonly string[];
  readonly model: string;
}

/** The account itself where it is OpenAI's, else the deployment's key; `null` if there is neither. */
export function moderationAccount(account: AiAccount): Pick<AiAccount, 'baseUrl' | 'apiKey'> | null {
  if (account.provider === 'openai') return account;
  const [baseUrl, apiKey] = [environmentUrl('openai'), environmentKey('openai')];
  return baseUrl === null || apiKey === null ? null : { baseUrl, apiKey };
}

/** Throws for anything but an answer of the documented shape: who cannot be asked has not said yes. */
export async function moderate(
  { baseUrl, apiKey }: Pick<AiAccount, 'baseUrl' | 'apiKey'>,
  text: string,
  signal: AbortSignal,
): Promise<Moderation> {
  const response = await fetch(`${baseUrl}/moderations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${apiKey}` },
    body: JSON.stringify({ model: MODEL, input: text }),
    redirect: 'error', // whoever redirects it would get the text and the key
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  });
  if (!response.ok) throw new Error(`the moderation endpoint answered ${response.status}`);
  const { results, model } = ModerationAnswer.parse(await response.json());
  const flagged = results.flatMap((result) => {
    const named = Object.keys(result.categories).filter((category) => result.categories[category]);
    return result.flagged && named.length === 0 ? ['unnamed'] : named;
  });
  return { flagged, model };
}
