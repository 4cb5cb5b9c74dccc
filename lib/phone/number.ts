/** One number written in one way: libphonenumber's word on it, with the two rules that it does not know. */
import {
  type CountryCode,
  getCountryCallingCode,
  getExampleNumber,
  isSupportedCountry,
  type PhoneNumber,
  parsePhoneNumberFromString,
  validatePhoneNumberLength,
} from 'libphonenumber-js/max';
import examples from 'libphonenumber-js/mobile/examples';
import { isStorablePhone } from './storable.ts';
import { renumbered } from './wa-id.ts';

/** ISO 3166-1 alpha-2, of the 245 countries and territories that have numbers. */
export type Country = CountryCode;

export const isCountry: (code: string) => code is Country = isSupportedCountry;

export const callingCodeOf: (country: Country) => string = getCountryCallingCode;

/** A number that exists, as far as its country's numbering plan tells. */
export interface Valid {
  readonly phone: string;
  /** `null`: no country's, as the freephone numbers of +800. */
  readonly country: Country | null;
  readonly callingCode: string;
  /** Also true where the plan does not tell mobile from fixed, as in North America. */
  readonly canBeMobile: boolean;
  /** The number in the national format of its country, to be read by people. */
  shown(): string;
  shownAtHome(): string;
}

/** `undefined` unless the whole text is one valid number that the database can keep. Without `country` only behind a plus. */
export function validNumber(text: string, country?: Country): Valid | undefined {
  const parsed = parse(text, country);
  const today = parsed && renumbered(parsed.number);
  const number = today === parsed?.number ? parsed : parse(today as string);
  if (!number?.isValid() || !isStorablePhone(number.number)) return undefined;
  const type = number.getType();
  return {
    phone: number.number,
    country: number.country ?? null,
    callingCode: number.countryCallingCode,
    canBeMobile: type === 'MOBILE' || type === 'FIXED_LINE_OR_MOBILE',
    shown: () => number.formatInternational(), // asked for rarely, and as slow as parsing
    shownAtHome: () => number.formatNational(),
  };
}

/** The countries of an E.164 number: one, or several if they share its calling code and the number does not tell which. */
export function countriesOf(phone: string): readonly Country[] {
  const number = parse(phone);
  return number?.country ? [number.country] : (number?.getPossibleCountries() ?? []);
}

/** The country whose numbers alone begin with these digits of an international number: the parser wants one more. */
export function countryBegunAs(digits: string): Country | undefined {
  return parse(`+${digits}0`)?.country;
}

function parse(text: string, country?: Country): PhoneNumber | undefined {
  return parsePhoneNumberFromString(text, { ...(country && { defaultCountry: country }), extract: false });
}

/**
 * True for digits that look like a number of the country, though none is valid: for fixed lines, any length that it has; for
 * mobiles, the length of its own where they are written without a trunk prefix. A home number with a wrong digit is likelier there
 * than another country's without its plus.
 */
export function looksHomemade(digits: string, country: Country, canBeMobile: boolean): boolean {
  if (!canBeMobile) return validatePhoneNumberLength(digits, country) === undefined;
  const atHome = getExampleNumber(country, examples)?.formatNational().replace(/\D/g, '');
  return atHome?.length === digits.length && digits.length === mobileLength(country);
}

/** The digits of a mobile number without country code and trunk prefix. */
export function mobileLength(country: Country): number | undefined {
  return getExampleNumber(country, examples)?.nationalNumber.length;
}

/** The reason why no reading of `text` is valid. */
export function whyInvalid(text: string, from: Country | null): string {
  const country = from ?? undefined;
  const parsed = parse(text, country);
  if (parsed?.isValid()) return `this number has ${parsed.number.length - 1} digits; E.164 allows 15`;
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

/** The kind of line that a number in E.164 has. North America's plan, and some others, do not tell mobile from fixed. */
export function lineOf(phone: string): 'mobile' | 'either' | 'fixed' {
  const type = parse(phone)?.getType();
  return type === 'MOBILE' ? 'mobile' : type === 'FIXED_LINE_OR_MOBILE' ? 'either' : 'fixed';
}
