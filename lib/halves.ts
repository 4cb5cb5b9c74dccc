/** Commits a list by one statement, or by halves where Postgres refuses a value in it: one row never stops the others. */
import { isRefusal } from '@conversure/jobqueue/postgres';

/**
 * Calls `commit` with all items, or with parts in their order, and yields each part that went in with the answer. The one item that
 * Postgres refuses is committed as `refused` makes it of the reason. Throws what is nobody's value: a lost connection, a missing
 * right, and the refusal of an item that was already refused. At most 3 calls an item: 2n - 1 find the refused, n commit them.
 */
export async function* commitByHalves<Item, Answer>(
  items: readonly Item[],
  commit: (part: readonly Item[]) => Promise<Answer>,
  refused: (item: Item, why: string) => Item,
): AsyncGenerator<{ readonly part: readonly Item[]; readonly answer: Answer }> {
  const left = [items];
  for (let part = left.pop(); part !== undefined; part = left.pop()) {
    const [first, ...others] = part;
    if (first === undefined) return;
    try {
      const answer = await commit(part);
      yield { part, answer };
    } catch (error) {
      const why = refusalOf(error);
      if (why === null) throw error;
      if (others.length > 0) {
        const middle = Math.ceil(part.length / 2);
        left.push(part.slice(middle), part.slice(0, middle));
        continue;
      }
      const replaced = [refused(first, why)];
      yield { part: replaced, answer: await commit(replaced) };
    }
  }
}

/** The longest error message kept, in characters: Postgres quotes the refused value, which may be long. */
const MOST_WORDS = 300;

/**
 * The rule that a value breaks, in words; null where the error is not about a value. Names of constraints are sentences. Counted are
 * data exceptions, constraints, program limits (an index entry that is too large) and what a trigger raises.
 */
export function refusalOf(error: unknown): string | null {
  if (!isRefusal(error) || !/^(?:22|23|44|54|P0001)/.test(error.code)) return null;
  const rule = 'constraint' in error && typeof error.constraint === 'string' ? error.constraint : null;
  if (error.code === CHECK_VIOLATION && rule !== null)
    return `the database refuses this row, because of the rule '${rule.replaceAll('_', ' ')}'`;
  const words = (error.message.split('\n')[0] ?? '').toWellFormed().slice(0, MOST_WORDS);
  return `the database refuses this row: ${words} (${error.code})`;
}

const CHECK_VIOLATION = '23514';
