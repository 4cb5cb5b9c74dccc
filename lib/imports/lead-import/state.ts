/** What an import leaves with the queue between two runs. A hint for the check, and news for screens: slices go by `imports`. */
import { z } from 'zod';
import { type Position, START } from './records.ts';

const position = z.object({ offset: z.number(), row: z.number(), line: z.number() });
const checking = z.object({ phase: z.literal('check'), at: position });

export type State = z.output<typeof checking> | { readonly phase: 'decode' | 'import'; readonly offset: number };

/** Where the check of the file goes on: its beginning, unless an earlier run left it in between. */
export function checkedUpTo(state: unknown): Position {
  const left = checking.safeParse(state);
  return left.success ? left.data.at : START;
}
