/** Detects the encoding of a file. Only a byte order mark and strict UTF-8 are certain; anything else is a suggestion to confirm. */
import { analyse } from 'chardet';
import iconv from 'iconv-lite';

/** Encodings that files of this trade come in: those of spreadsheets in a country's Windows, and those of older systems' exports. */
export const ENCODINGS = [
  'utf-8',
  'utf-16le',
  'utf-16be',
  'windows-1252',
  'windows-1250',
  'windows-1251',
  'windows-1253',
  'windows-1254',
  'windows-1255',
  'windows-1256',
  'windows-1257',
  'windows-1258',
  'windows-874',
  'iso-8859-1',
  'iso-8859-2',
  'iso-8859-5',
  'iso-8859-6',
  'iso-8859-7',
  'iso-8859-8',
  'iso-8859-9',
  'iso-8859-15',
  'koi8-r',
  'koi8-u',
  'macintosh',
  'shift_jis',
  'euc-jp',
  'gb18030',
  'big5',
  'euc-kr',
] as const;
export type Encoding = (typeof ENCODINGS)[number];

export interface Suggestion {
  readonly encoding: Encoding;
  /** 0 to 100, as the detector rates it: 30 is common for a right answer, and 50 for a wrong one. */
  readonly confidence: number;
  /** Others that may be meant, likelier ones first. */
  readonly alternatives: readonly Encoding[];
}

/** The encoding that a byte order mark declares at the beginning of a file; `null` without one. */
export function declaredEncoding(head: Buffer): Encoding | null {
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return 'utf-8';
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be';
  return null;
}

/** The UTF-16 that `head` reads as although no mark says so; `null` for anything else. */
export function unmarkedUtf16(head: Buffer): Encoding | null {
  if (!head.includes(0)) return null;
  return (['utf-16le', 'utf-16be'] as const).find((encoding) => readsAsUtf16(head, encoding)) ?? null;
}

/** In a list of names and numbers, in any script, at least this share is digits and delimiters. Bytes read in the wrong order have none. */
const ASCII_SHARE = 0.1;

function readsAsUtf16(head: Buffer, encoding: Encoding): boolean {
  const text = iconv.decode(head.subarray(0, head.length - (head.length % 2)), encoding);
  const ascii = text.match(/[\t\n\r -~]/g)?.length ?? 0;
  return text.length > 0 && ascii / text.length >= ASCII_SHARE && !/\0|\ufffd/.test(text);
}

/**
 * True if some of the bytes that `text` was decoded from mean nothing. In UTF-16 the character that stands for them may be in the file itself; half
 * a unit at its end and halves of pairs are damage.
 */
export function isDamaged(text: string, { length }: Buffer, encoding: Encoding): boolean {
  return encoding.startsWith('utf-16') ? length % 2 === 1 || !text.isWellFormed() : text.includes('\ufffd');
}

/** The most answers taken from a detector; later ones are noise. */
const MAX_ALTERNATIVES = 4;

/**
 * Suggests an encoding from `sample`: lines of the file that hold more than ASCII. Never suggests `failed`, which the file was read in. If nothing
 * favours an encoding, windows-1252 is suggested, or ISO 8859-1, where every byte is a character.
 */
export function suggestEncoding(sample: Buffer, failed: Encoding | null = null): Suggestion {
  const utf16 = unmarkedUtf16(sample);
  const analysed = analyse(foreignWords(sample)).flatMap(({ name, confidence }) => {
    const encoding = offered(name);
    return encoding === null || !decodes(sample, encoding) ? [] : [{ encoding, confidence }];
  });
  const likely = utf16 === null ? analysed : [{ encoding: utf16, confidence: 90 }, ...analysed];
  const found = likely.filter(({ encoding }) => encoding !== failed);
  const isWestern = failed !== 'windows-1252' && !iconv.decode(sample, 'windows-1252').includes('\ufffd');
  const last: Found = { encoding: isWestern ? 'windows-1252' : 'iso-8859-1', confidence: 0 };
  const [best = last] = found;
  const others = [...new Set(found.map(({ encoding }) => encoding))].filter((encoding) => encoding !== best.encoding);
  return { ...best, alternatives: others.slice(0, MAX_ALTERNATIVES) };
}

type Found = Pick<Suggestion, 'encoding' | 'confidence'>;

/** ISO 8859-1 and -9 are taken for the Windows encodings that hold them: what says one is the other, with quotation marks. */
function offered(name: string): Encoding | null {
  const lower = name.toLowerCase();
  const known = { 'iso-8859-1': 'windows-1252', 'iso-8859-9': 'windows-1254', 'utf-16 le': 'utf-16le' }[lower] ?? lower;
  return known !== 'utf-8' && (ENCODINGS as readonly string[]).includes(known) ? (known as Encoding) : null;
}

/** The controls at 80 to 9F are what a Windows encoding looks like in the ISO one beside it. */
function decodes(sample: Buffer, encoding: Encoding): boolean {
  return !/[\ufffd\x80-\x9f]/.test(iconv.decode(sample, encoding));
}

/**
 * Words with bytes beyond ASCII. Headers, numbers and addresses around them speak for Western Europe: with them a Cyrillic list
 * was taken for ISO 8859-1.
 */
function foreignWords(sample: Buffer): Buffer {
  const words: Buffer[] = [];
  let start = 0;
  let isForeign = false;
  for (let at = 0; at <= sample.length; at++) {
    const byte = sample[at] ?? SPACE;
    if (byte >= 0x80) isForeign = true;
    if (!SEPARATORS.has(byte)) continue;
    if (isForeign) words.push(sample.subarray(start, at + 1));
    isForeign = false;
    start = at + 1;
  }
  return Buffer.concat(words.map((word) => Buffer.concat([word.subarray(0, -1), Buffer.from(' ')])));
}

const SPACE = 0x20;
const SEPARATORS: ReadonlySet<number> = new Set(Buffer.from(' \t\r\n,;"'));
