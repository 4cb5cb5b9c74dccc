/** The e-mail address of a row: the first that is one. Nobody is refused for a bad one, because messages go to the number. */
import { cleanLine } from './text.ts';

/** An address that mail could be sent to; whether it exists only mail can tell. */
const EMAIL = /^[^\s@<>,;"]+@[^\s@<>,;".]+(?:\.[^\s@<>,;".]+)+$/;
/** Lists in a cell; a comma in an address makes two halves that are none. The blanks around it go later: with them the pattern takes the square of their count. */
const BETWEEN = /:::|[;,\n]/;
/** The longest address that mail allows, in characters (RFC 5321). */
const LONGEST = 254;

/** True for a cell that is an address at first sight. Longer ones are not looked at: the pattern takes the square of their length. */
export function looksLikeAddress(value: string): boolean {
  return value.length <= LONGEST && /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(value);
}

export interface EmailReading {
  /** In lower case; empty: there is none. */
  readonly email: string;
  /** The first cell that says something and has no address. */
  readonly bad: { readonly column: number; readonly text: string } | null;
}

/** `columns` are indexes, best first. */
export function readEmail(cells: readonly string[], columns: readonly number[]): EmailReading {
  let bad: EmailReading['bad'] = null;
  for (const column of columns) {
    const text = cells[column] ?? '';
    if (cleanLine(text) === '') continue;
    const found = text
      .split(BETWEEN)
      .map(addressIn)
      .find((part) => part.length <= LONGEST && EMAIL.test(part));
    if (found !== undefined) return { email: found, bad };
    bad ??= { column, text };
  }
  return { email: '', bad };
}

/** Without `mailto:`, and out of `Ali Hassan <ali@example.com>`. */
function addressIn(part: string): string {
  const line = cleanLine(part)
    .replace(/^mailto:/i, '')
    .toLowerCase();
  return /<([^<>]+)>$/.exec(line)?.[1] ?? line;
}
