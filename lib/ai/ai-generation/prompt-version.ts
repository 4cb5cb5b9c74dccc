/** A version of a prompt as a generation has it pinned. */
import { z } from 'zod';

export const ModelConfig = z.strictObject({
  temperature: z.number().min(0).max(2).default(0.3),
  maxOutputTokens: z.int().min(64).max(8_192).default(800),
});

export interface PromptVersion {
  readonly system: string;
  readonly userTemplate: string;
  /** As stored: see `ModelConfig`. */
  readonly config: unknown;
}
