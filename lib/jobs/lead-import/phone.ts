/** From what stands in a phone cell to E.164, or to the reason why not. Nothing is guessed: a wrong number reaches a stranger. */
import { type CountryCode, parsePhoneNumberFromString, validatePhoneNumberLength } from 'libphonenumber-js/max';
import { cleanLine } from './text.ts';

export type PhoneRefusal = 'phone_missing' | 'phone_invalid' | 'phone_damaged' | 'phone_ambiguous';

export type Phone = { readonly phone: string } | { readonly code: PhoneRefusal; readonly message: string };

/** In characters, as the parser's own bound. The patterns below take the square of a cell's length: 60,000 digits held a run for 22 s. */
const LONGEST = 250;

/** `country` says where a number without country code is dialled from. An extension is dropped: nobody can message one. */
export function readPhone(cell: string, country: CountryCode): Phone {
  const text = withoutDecoration(cell);
  if (text === '') return { code: 'phone_missing', message: 'there is no phone number in this row' };
  if (text.length > LONGEST) return { code: 'phone_invalid', message: 'this is too long to be a phone number' };
  if (/^\d+([.,]\d+)?e\+?\d+$/i.test(text))
    return {
      code: 'phone_damaged',
      message: 'a spreadsheet rounded this number; format the column as text there and enter the number again',
    };
  if (TWO_NUMBERS.test(text))
    return { code: 'phone_ambiguous', message: 'expected one phone number, got more than one' };
  const parsed = candidates(text).map((candidate) => parse(candidate, country));
  const valid = parsed.find((number) => number?.isValid());
  if (valid) return { phone: valid.number };
  if (parsed.every((number) => number === undefined))
    return { code: 'phone_invalid', message: 'this is not a phone number' };
  return { code: 'phone_invalid', message: whyInvalid(candidates(text).at(-1) ?? text, country) };
}

/** As it stands, and with the common `00` read as `+`: in countries that dial out by other digits the first finds nothing. */
function candidates(text: string): string[] {
  return text.startsWith('00') ? [text, text.replace(/^00[-. ]?/, '+')] : [text];
}

function parse(text: string, country: CountryCode) {
  return parsePhoneNumberFromString(text, { defaultCountry: country, extract: false });
}

/** Seven digits and more, twice, with something between that no number contains; the parser would take the first. */
const TWO_NUMBERS = /(?:\d[ .()-]*){7,}(?:[/;,|&]|\bor\b)\s*\+?(?:[ .()-]*\d){7,}/i;

/** Joiners mean nothing between digits; `tel:`, `p:` (Meta's lead ads) and `whatsapp:` name the kind; `.0` is a float's. */
function withoutDecoration(cell: string): string {
  return cleanLine(cell)
    .replace(/[\u200c\u200d]/g, '')
    .replace(/^'+/, '')
    .replace(/^=(?=\s*\+?\d)/, '')
    .replace(/^(?:tel|p|whatsapp):\s*/i, '')
    .replace(/^(\+?\d{7,})\.0$/, '$1')
    .trim();
}

function whyInvalid(text: string, country: CountryCode): string {
  switch (validatePhoneNumberLength(text, country)) {
    case 'TOO_SHORT':
      return 'this number is too short';
    case 'TOO_LONG':
      return 'this number is too long';
    case 'INVALID_LENGTH':
      return 'this number has a length that its country does not use';
    case 'INVALID_COUNTRY':
      return 'this number has a country code that does not exist';
    case 'NOT_A_NUMBER':
      return 'this is not a phone number';
    case undefined:
      return `no such number exists${text.startsWith('+') ? '' : ` (read as a number of ${country})`}`;
  }
}
