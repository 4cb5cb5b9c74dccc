/**
 * The state that an import keeps in the queue between two runs: a hint for the check, and progress for screens. The position of
 * its slices is stored in `imports`.
 */
import { z } from 'zod';
import { type Position, START } from './records.ts';

const position = z.object({ offset: z.number(), row: z.number(), line: z.number() });
const checking = z.object({ phase: z.literal('check'), at: position });

export type State = z.output<typeof checking> | { readonly phase: 'decode' | 'import'; readonly offset: number };

/** The position at which the check of the file continues: the beginning, unless an earlier run stopped later. */
export function checkedUpTo(state: unknown): Position {
  const left = checking.safeParse(state);
  return left.success ? left.data.at : START;
}
