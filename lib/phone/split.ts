/** Takes the numbers of a cell apart. A joiner never disappears: digits on its two sides are never read as one number. */

/** An extension that is dialled after the number. It is dropped, because nobody can message an extension. */
const EXTENSION =
  /[\s,;(-]*(?:;ext=|(?<!\p{L})(?:ext(?:n|ension)?|x|доб(?:авочный)?|вн(?:утр)?|int|interno|ramal|anexo|poste|durchwahl|dw|app|تحويلة|分机|内線)[.:\s-]*|#\s*)\d{1,6}\s*\)?$/iu;

export interface Parts {
  /** Each as it was written, with at least one digit. More than one: the cell is not one number. */
  readonly numbers: readonly string[];
  /** The words around and between them. */
  readonly words: readonly string[];
}

export function partsOf(text: string): Parts {
  const dialled = text.replace(EXTENSION, '');
  const numbers = dialled
    .replace(ENUMERATED, '$1,')
    .split(/[^\d+().\-/ ]+|(?<=\d[\s()]*)(?=\+)|(?<=\d\s*)\/\/+/u)
    .map(trimmed)
    .filter((piece) => /\d/.test(piece))
    .flatMap(splitAtSlashes)
    .flatMap(splitTail);
  return { numbers, words: dialled.match(/[\p{L}\p{M}]+/gu) ?? [] };
}

/** `1) 050…`, `2. 050…`: which of several numbers it is. */
const ENUMERATED = /^(\d)[.):] +(?=[+(]?\d)/;

/** A piece begins with a digit, a plus or an opening bracket and ends with a digit, or with a plus (see `readPhone`). */
function trimmed(piece: string): string {
  return piece.replace(/^[^\d+(]+/, '').replace(/[^\d+)]+$/, '');
}

/**
 * A slash stands behind an area code (`030/1234567`), or between two numbers, of which the second may be the last digits alone
 * (`1234567/8`). Only the first is part of a number: at most 6 digits before it, 9 with a country code, and at least 5 behind.
 */
function splitAtSlashes(piece: string): string[] {
  const [first = '', ...rest] = piece.split('/');
  const numbers = [first];
  for (const next of rest) {
    const before = numbers.at(-1) as string;
    const longest = /^\s*\(?\s*(?:\+|00)/.test(before) ? 9 : 6;
    if (digitsIn(before) <= longest && digitsIn(next) >= 5) numbers[numbers.length - 1] = `${before} ${next}`;
    else numbers.push(next);
  }
  return numbers.map(trimmed).filter((number) => digitsIn(number) > 0);
}

/** `1234567-8`, `1234567.89`, `123 45 67-8`, `1234567 (8)`: the last digits of a second number, or an extension. */
const TAIL = /(?<=\d{7}\s*)[-.]\s*(\d{1,4})$|(?<=(?:\d\D{0,3}){7})-\s*(\d)$|\s*\((\d{1,4})\)$/;

function splitTail(piece: string): string[] {
  const tail = TAIL.exec(piece);
  return tail ? [piece.slice(0, tail.index), (tail[1] ?? tail[2] ?? tail[3]) as string] : [piece];
}

/** Fewer digits are never a number of their own; with a country code the shortest numbers have five. */
export const SHORTEST = 4;

/**
 * The ways to cut a piece in two: at a gap between the digits of two numbers, and before up to four digits behind the only dash
 * of its kind, as in `829778 - 89`. It has to be cut if what can be a number is one.
 */
export function splitsOf(piece: string): [string, string][] {
  const gaps = [...piece.matchAll(/(?<=[\d)])[\s.-]+(?=[\d(])/g)];
  const isOnlyDash = (gap: string) => gap.trim() !== '' && gaps.filter(({ 0: other }) => other === gap).length === 1;
  return gaps.flatMap(({ index, 0: gap }): [string, string][] => {
    const [left, right] = [piece.slice(0, index), piece.slice(index + gap.length)];
    const [before, after] = [digitsIn(left), digitsIn(right)];
    const canBeTwo = before > SHORTEST && after > SHORTEST;
    const canBeTail = before >= SHORTEST && after <= SHORTEST && isOnlyDash(gap);
    return canBeTwo || canBeTail ? [[left, right]] : [];
  });
}

export function digitsIn(text: string): number {
  return text.replace(/\D/g, '').length;
}
