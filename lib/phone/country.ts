/** Finds the country that a text beside a number names: a calling code, an ISO code or a name. */
import metadata from 'libphonenumber-js/max/metadata';
import { countryNamed } from './country-names.ts';
import { type Country, callingCodeOf, countryBegunAs } from './number.ts';
import { plainText, saysNone } from './text.ts';

export type CountryReading =
  | { readonly country: Country; readonly by: 'calling code' | 'name' }
  | { readonly none: true }
  /** No country, or more than one. */
  | { readonly unknown: true };

/** In characters: the longest name has 60, its code and a city may stand beside it. */
const LONGEST = 120;

/** `+966`, `966`, `00966`, `SA`, `KSA`, `🇸🇦`, `Saudi Arabia (+966)`, `Riyadh, Саудовская Аравия`: see docs/imports.md. */
export function readCountry(cell: string): CountryReading {
  if (cell.length > LONGEST) return { unknown: true };
  const text = plainText(cell.replace(FLAG, isoOfFlag)).replace(/^(\+?\d+)[.,]0+$/, '$1');
  if (text.toUpperCase() === 'NA') return { unknown: true }; // Namibia, or nothing
  const whole = /\d/.test(text) ? undefined : countryNamed(text);
  if (whole !== undefined) return { country: whole, by: 'name' }; // before NO says no
  if (saysNone(text)) return { none: true };
  const codes = (text.match(/\d[\d ()-]*/g) ?? []).map(countryOfCode);
  const names = namesIn(text);
  if (codes.length === 0) return names.length === 1 ? { country: names[0] as Country, by: 'name' } : { unknown: true };
  const [code] = codes;
  if (code === undefined || codes.length > 1 || names.some((name) => callingCodeOf(name) !== callingCodeOf(code)))
    return { unknown: true };
  return { country: names.length === 1 ? (names[0] as Country) : code, by: 'calling code' };
}

/** The countries named between punctuation. Parts that name no country are places inside it. */
function namesIn(text: string): Country[] {
  return [...new Set(text.split(/[^\p{L}\p{M}'’.& ]+/u).flatMap((part) => countryNamed(part) ?? []))];
}

/** Countries that share a calling code: the digits behind it tell whose it is (`+1 246`), else it is the largest one's. */
function countryOfCode(written: string): Country | undefined {
  const digits = written.replace(/\D/g, '').replace(/^00/, '');
  const whole = CODES[digits];
  if (whole !== undefined) return whole[0];
  const isShared = digits.length <= 6 && SHARED.some((code) => digits.startsWith(code));
  return isShared ? (countryBegunAs(digits) ?? undefined) : undefined;
}

const CODES: Partial<Record<string, readonly Country[]>> = metadata.country_calling_codes;
const SHARED = Object.keys(CODES).filter((code) => (CODES[code]?.length ?? 0) > 1);

/** Two letters of their own alphabet. */
const FLAG = /[\u{1F1E6}-\u{1F1FF}]{2}/gu;

function isoOfFlag(flag: string): string {
  return ` ${Array.from(flag, (letter) => String.fromCharCode((letter.codePointAt(0) as number) - 0x1f1e6 + 65)).join('')} `;
}
