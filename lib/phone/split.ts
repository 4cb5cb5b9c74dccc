/** Takes the numbers of a cell apart. A joiner never disappears: digits on its two sides are never read as one number. */

/** Of those that dial on behind the number. Nobody can message an extension, so it is dropped. */
const EXTENSION =
  /[\s,;(-]*(?:;ext=|(?<!\p{L})(?:ext(?:n|ension)?|x|доб(?:авочный)?|вн(?:утр)?|int|interno|ramal|anexo|poste|durchwahl|dw|app|تحويلة|分机|内線)[.:\s-]*|#\s*)\d{1,7}\s*\)?$/iu;

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
    .split(/[^\d+().\-/ ]+|(?<=\d[\s)]*)(?=\+)|(?<=\d\s*)\/\/+/u)
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

/** The places in a piece where a second whole number may begin: both sides have the seven digits of a number. */
export function halvesOf(piece: string): [string, string][] {
  return [...piece.matchAll(/(?<=[\d)])[\s.-]+(?=[\d(])/g)]
    .map(({ index, 0: gap }): [string, string] => [piece.slice(0, index), piece.slice(index + gap.length)])
    .filter(([left, right]) => digitsIn(left) >= 7 && digitsIn(right) >= 7);
}

export function digitsIn(text: string): number {
  return text.replace(/\D/g, '').length;
}
