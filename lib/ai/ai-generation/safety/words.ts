/** Words and phrases found as words, in any script: «court» is not in «courtesy», and «شقة» is in «الشقة». Pure. */

/**
 * The text as rules read it, one character for each of the original, so that what is found can be shown where it stands: lower
 * case, one form of each Arabic letter, Western digits. What is not read (vowel signs, tatweel, invisible characters) is left
 * out by the pattern.
 */
export function readable(text: string): string {
  return Array.from(
    text.toLowerCase().length === text.length ? text.toLowerCase() : text,
    (char) => ALIKE.get(char) ?? char,
  ).join('');
}

const ALIKE = new Map<string, string>([
  ...Array.from('أإآٱ', (alef): [string, string] => [alef, 'ا']),
  ['ى', 'ي'],
  ['ة', 'ه'],
  ...Array.from('٠١٢٣٤٥٦٧٨٩', (digit, n): [string, string] => [digit, String(n)]),
  ...Array.from('۰۱۲۳۴۵۶۷۸۹', (digit, n): [string, string] => [digit, String(n)]),
  ['٪', '%'],
  ['٫', '.'],
  ['٬', ','],
  ['’', "'"],
]);

/** Between two letters of a word there may stand what nobody sees. */
const UNSEEN = '[\\u0640\\u064b-\\u0652\\u0670\\u200b-\\u200f\\u2060\\ufeff\\u00ad]*';
const BEFORE = '(?<![\\p{L}\\p{N}\\p{M}_])';
const AFTER = '(?![\\p{L}\\p{N}\\p{M}_])';
/** Arabic writes «and», «so», «by», «for», «like» and «the» in one with the following word. */
const ARABIC_PREFIX = `(?:[وف]${UNSEEN})?(?:(?:[بكل]${UNSEEN})?ا${UNSEEN}ل${UNSEEN}|ل${UNSEEN}ل${UNSEEN}|[بكل]${UNSEEN})?`;

/** A global pattern for `matchAll` that matches any word or phrase of the list; `*` at the end of one means any ending («guarantee*»). */
export function wordsPattern(words: readonly string[]): RegExp {
  if (words.length === 0) return /(?!)/gu;
  return new RegExp(`${BEFORE}(?:${words.map(wordSource).join('|')})${AFTER}`, 'gu');
}

function wordSource(word: string): string {
  const isOpen = word.endsWith('*');
  const text = readable(isOpen ? word.slice(0, -1) : word).trim();
  const letters = Array.from(text, (char) => (/\s/.test(char) ? '\\s+' : escaped(char)));
  const prefix = /^\p{Script=Arabic}/u.test(text) ? ARABIC_PREFIX : '';
  return `${prefix}${letters.join(UNSEEN)}${isOpen ? '[\\p{L}\\p{M}]*' : UNSEEN}`;
}

function escaped(char: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char;
}

/** Positions of the words in the text, in order. */
export function wordsIn(text: string, pattern: RegExp): (readonly [number, number])[] {
  return Array.from(readable(text).matchAll(pattern), (match) => [match.index, match.index + match[0].length] as const);
}
