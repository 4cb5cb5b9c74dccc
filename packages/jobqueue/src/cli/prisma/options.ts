/** Options of an import. */
import type { Common } from '../options.ts';

/** As long as completed jobs are kept, and hold their keys, unless the app says otherwise. */
export const KEPT_MS = 7 * 24 * 3_600_000;

export interface ImportOptions extends Common {
  readonly plan?: true;
  readonly yes?: true;
  readonly history: number;
  readonly staleAfter?: number;
  readonly slice: number;
}
