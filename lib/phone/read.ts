/** Reads a phone cell into E.164, or into the reason for a refusal. Guesses nothing: a wrong number reaches a stranger. */
import { readCountry } from './country.ts';
import { isLabel } from './labels.ts';
import { type Country, callingCodeOf, type Valid, validNumber, whyInvalid } from './number.ts';
import { choose, groupsOf, readingsOf } from './readings.ts';
import { digitsIn, partsOf, SHORTEST, splitsOf } from './split.ts';
import { damageOf, plainText, saysNone, withoutQuantity } from './text.ts';

export interface Dialled {
  /** The country that a number without a country code is dialled from, unless the text beside it names another. */
  readonly country: Country;
  /** The text beside the number that names its country or calling code: `+966`, `KSA`, `Deutschland`. */
  readonly beside?: string | undefined;
  /** The treatment of a cell with several numbers: refuse it (default), or take the first valid one. */
  readonly several?: 'refuse' | 'first' | undefined;
}

export type PhoneRefusal = 'phone_invalid' | 'phone_damaged' | 'phone_ambiguous' | 'country_unknown';

export type PhoneReading =
  | {
      /** E.164, as `isStorablePhone` takes it. */
      readonly phone: string;
      /** `null`: no country's, as +800. */
      readonly country: Country | null;
      /** The source of the country: the number itself, the text beside it, or the default. */
      readonly countryFrom: 'number' | 'beside' | 'default';
      /** Every good number of a cell that has several. */
      readonly among?: readonly string[];
    }
  /** The cell says that there is no number. */
  | { readonly none: true }
  | { readonly refused: PhoneRefusal; readonly said: string; readonly among?: readonly string[] };

/** In characters. The patterns take the square of a cell's length: 60,000 digits would hold a run for 22 s. */
const LONGEST = 250;
/** The longest text beside a number that a message quotes, in whole characters. */
const SHOWN_LENGTH = 40;

/** The only reading of a cell, or no reading: see docs/imports.md, Phone numbers. An extension is dropped. */
export function readPhone(cell: string, dialled: Dialled): PhoneReading {
  if (cell.length > LONGEST && cell.trim().length > LONGEST)
    return refuse('phone_invalid', 'this is too long to be a phone number');
  const text = withoutQuantity(plainText(cell));
  if (saysNone(text)) return { none: true };
  const damage = damageOf(text);
  if (damage !== null)
    return refuse('phone_damaged', `${damage}; format the column as text there and enter the number again`);
  const place = placeOf(dialled);
  const linked = WHATSAPP.exec(text);
  if (linked) return readOne(`+${linked[1] ?? linked[2]}`, place);
  const { numbers, words } = partsOf(text);
  const [number] = numbers;
  if (number === undefined) return refuse('phone_invalid', 'this is not a phone number');
  if (numbers.length > 1) return readSeveral(numbers, place, dialled.several);
  const read = readPiece(number, place, dialled.several);
  const stray = words.filter((word) => !isLabel(word));
  if (stray.length === 0 || ('phone' in read && isNameOf(read.country, stray.join(' ')))) return read;
  return refuse('phone_invalid', `expected a phone number alone, got «${stray[0]}» beside it`);
}

function isNameOf(country: Country | null, text: string): boolean {
  const read = readCountry(text);
  return 'country' in read && country !== null && callingCodeOf(read.country) === callingCodeOf(country);
}

/** A piece without joiners is one number, unless its parts are two. */
function readPiece(number: string, place: Place, several: Dialled['several']): PhoneReading {
  const read = readOne(number, place);
  const splits = splitsOf(number);
  if (splits.length > 0 && 'phone' in read && isInItsGroups(number, read.phone)) return read;
  for (const parts of splits)
    if (parts.every((part) => isWhole(part, place))) return readSeveral(parts, place, several);
  return read;
}

/** Links and ids of WhatsApp hold a number in international form without its plus. */
const WHATSAPP =
  /^(?:(?:https?:\/\/)?(?:wa\.me\/|(?:api|web)\.whatsapp\.com\/send\/?\?phone=)|whatsapp:\/\/send\?phone=)(?:\+|%2B)?(\d{7,15})(?!\d).*$|^\+?(\d{7,15})@(?:c\.us|s\.whatsapp\.net)$/i;

interface Place {
  /** `null`: the text beside the number is not understood, so only an international number can be read. */
  readonly country: Country | null;
  readonly from: 'beside' | 'default';
  /** A calling code beside a number says that the number goes on where the code ends. */
  readonly isSplit: boolean;
  readonly beside: string;
}

function placeOf({ country, beside = '' }: Dialled): Place {
  const read = readCountry(beside);
  if ('none' in read) return { country, from: 'default', isSplit: false, beside };
  if ('country' in read) return { country: read.country, from: 'beside', isSplit: read.by === 'calling code', beside };
  const shown = Array.from(plainText(beside.slice(0, LONGEST)))
    .slice(0, SHOWN_LENGTH)
    .join('');
  return { country: null, from: 'beside', isSplit: false, beside: shown };
}

/** A number by itself, or so few digits that they can only be the end of one. */
function isWhole(part: string, place: Place): boolean {
  if (digitsIn(part) <= SHORTEST) return true;
  const read = readOne(part, place);
  return 'phone' in read || ('refused' in read && read.refused === 'phone_ambiguous');
}

function readSeveral(numbers: readonly string[], place: Place, several: Dialled['several'] = 'refuse'): PhoneReading {
  const readings = numbers.map((number) => readOne(number, place));
  const good = readings.filter((reading) => 'phone' in reading);
  const [first] = good;
  const areSame = good.length === numbers.length && good.every(({ phone }) => phone === first?.phone);
  if (first !== undefined && areSame) return first;
  const among = [...new Set(good.map(({ phone }) => phone))];
  if (first !== undefined && several === 'first') return { ...first, among };
  const said = `expected one phone number, got ${numbers.map((number) => `«${number}»`).join(' and ')}`;
  return { refused: 'phone_ambiguous', said, among };
}

function readOne(number: string, place: Place): PhoneReading {
  const { country, from, beside } = place;
  const isInternational = /^[\s(]*(?:\+|00)/.test(number);
  if (country === null && !isInternational)
    return refuse('country_unknown', `this number needs its country, and «${beside}» beside it is none that is known`);
  if (isCallingCode(number, country)) return { none: true };
  const readings = readingsOf(number, isInternational, country);
  const [only] = readings;
  const chosen = readings.length > 1 ? choose(readings, number, place.isSplit) : only;
  if (chosen !== undefined && !chosen.isDoubtful)
    return { phone: chosen.phone, country: chosen.country, countryFrom: chosen.isNational ? from : 'number' };
  if (readings.length > 1)
    return refuse(
      'phone_ambiguous',
      `this can be ${readings.map((one) => one.shown()).join(' or ')}: write it with + and its country code`,
    );
  const digits = number.replace(/\D/g, '');
  const why = whyInvalid(isInternational ? `+${digits.replace(/^00/, '')}` : digits, country);
  return refuse('phone_invalid', only === undefined ? why : `${why}; if ${only.shown()} is meant, write it so`);
}

/** Forms write the country code before anybody has typed a number. */
function isCallingCode(number: string, country: Country | null): boolean {
  if (digitsIn(number) > 5) return false;
  const read = readCountry(number);
  return 'country' in read && (number.includes('+') || read.country === country);
}

/** Grouped as its country groups it, so it is one number though its parts look like two. */
function isInItsGroups(written: string, phone: string): boolean {
  const { shown, shownAtHome } = validNumber(phone) as Valid;
  return [shown(), shownAtHome()].some((groups) => groupsOf(groups) === groupsOf(written));
}

function refuse(refused: PhoneRefusal, said: string): PhoneReading {
  return { refused, said };
}
