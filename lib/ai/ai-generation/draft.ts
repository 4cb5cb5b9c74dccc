/** Turns a turn into a reply: one call, and at most one correction of each kind that a second call can mend. */

import { NonRetryableError } from '@conversure/jobqueue';
import { z } from 'zod';
import type { AiAccount, Failure } from '../../providers/ai.ts';
import { type Asked, type Asker, ask } from './ask.ts';
import { promptFor } from './messages.ts';
import { ModelConfig, type PromptVersion } from './prompt-version.ts';
import type { Purpose, Reserved } from './spend.ts';
import type { Settings, Turn } from './turn.ts';

/** The answer expected of a model. Its text is not trusted before the checks have passed. */
export const Reply = z.object({
  reply: z.string().min(1).max(8_000),
  intent: z.string().max(100),
  confidence: z.number().min(0).max(1),
  language: z.string().max(20),
  sentiment: z.enum(['positive', 'neutral', 'negative']),
});
export type Reply = z.output<typeof Reply>;

export type Draft =
  | { readonly kind: 'drafted'; readonly reply: Reply; readonly snapshot: string | null }
  | Exclude<Failure, { kind: 'too_long' | 'unparsable' | 'truncated' | 'unsupported' }>
  /** A correction did not help either. */
  | { readonly kind: 'hopeless'; readonly code: 'too_long' | 'unparsable' | 'truncated' }
  | Exclude<Reserved, { kind: 'reserved' }>;

/** The same model, the same prompt version; each of the three only once, so at most four calls. */
export async function draftReply(
  asker: Asker,
  account: AiAccount,
  { turn, settings, version }: { turn: Turn; settings: Settings; version: PromptVersion },
): Promise<Draft> {
  const config = ModelConfig.safeParse(version.config);
  if (!config.success) throw new NonRetryableError(`the prompt's configuration is invalid: ${config.error.message}`);
  const { temperature } = config.data;
  let { maxOutputTokens } = config.data;
  let prompt = promptFor(turn, settings, version, { history: true });
  let purpose: Purpose = 'reply';
  const corrected = new Set<Purpose>();
  for (;;) {
    const answer: Asked<Reply> = await ask(asker, {
      account,
      purpose,
      prompt,
      schema: Reply,
      temperature,
      maxOutputTokens,
    });
    switch (answer.kind) {
      case 'ok':
        return { kind: 'drafted', reply: answer.value, snapshot: answer.snapshot };
      case 'too_long':
        purpose = 'shrink';
        prompt = promptFor(turn, settings, version, { history: false });
        break;
      case 'truncated':
        purpose = 'longer';
        maxOutputTokens *= 2;
        break;
      case 'unparsable':
        purpose = 'repair';
        prompt = { ...prompt, messages: [...prompt.messages, { role: 'assistant', content: answer.text }, REPAIR] };
        break;
      case 'config':
      case 'refused':
        // more room than the model has was our wish, and no setting
        return purpose === 'longer' ? { kind: 'hopeless', code: 'truncated' } : answer;
      default:
        return answer;
    }
    if (corrected.has(purpose)) return { kind: 'hopeless', code: answer.kind };
    corrected.add(purpose);
  }
}

const REPAIR = {
  role: 'user',
  content: 'That was not the JSON object that was asked for. Answer again, with that object and nothing else.',
} as const;
