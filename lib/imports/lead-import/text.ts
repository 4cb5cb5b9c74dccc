/** Takes off what spreadsheets and web pages leave on a cell and no person meant. */
import { unguard } from '../../csv/formula-guard.ts';

/** Direction marks, zero-width spaces and byte order marks. The two joiners stay: Arabic script and emoji need them. */
const INVISIBLE = /[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is to be removed.
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g;

/** Placeholders for «no value». */
const NOTHING = /^(?:n\/?a|null|none|nil|undefined|#n\/a|[-–—.?]+)$/i;

/** One line of text: blanks collapsed; empty for a cell that says nothing. */
export function cleanLine(cell: string): string {
  const line = cleanText(cell).replace(/\s+/g, ' ');
  return NOTHING.test(line) ? '' : line;
}

/** Text that may have several lines. */
export function cleanText(cell: string): string {
  return withoutTextGuard(unguard(cell)).replace(INVISIBLE, '').replace(CONTROL, '').trim();
}

/** At most `length` characters to show, never half of one: Postgres takes no half of a surrogate pair. */
export function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${Array.from(text).slice(0, length).join('')}…`;
}

/** `="0501234567"` is how an export makes Excel keep a leading zero. */
function withoutTextGuard(cell: string): string {
  return /^\s*="(.*)"\s*$/s.exec(cell)?.[1]?.replaceAll('""', '"') ?? cell;
}
