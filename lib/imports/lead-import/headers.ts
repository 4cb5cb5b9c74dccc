/** The meaning of one header, whatever its case, marks, blanks and language. Knows no file and no row. */
import {
  CONSENTS,
  COUNTRY_WORDS,
  DEAF_WORDS,
  EMAIL_WORDS,
  HEADERS,
  LEAD_TITLES,
  MAYBE_PHONES,
  NO_WORDS,
  PHONE_WORDS,
  QUESTIONS,
  REFUSALS,
  REFUSED_WORDS,
  STATES,
  TYPE_WORDS,
} from './header-words.ts';
import type { Field } from './options.ts';
import { cleanLine } from './text.ts';

/** Said of a phone number by its header or its label; the best to write to first. `deaf` is a fax or a pager. */
export const PHONE_KINDS = ['whatsapp', 'mobile', 'plain', 'home', 'work', 'other', 'landline', 'deaf'] as const;
export type PhoneKind = (typeof PHONE_KINDS)[number];

export type Scope = 'marketing' | 'all';

/** The way to read the cell of an opt-out column. */
export type Asks = { readonly says: 'no' | 'yes' | 'state'; readonly scope: Scope };

export interface Meaning {
  readonly field: Field;
  /** Precedence among columns that feed one field: the lowest rank wins. */
  readonly rank: number;
  /** The same header serves for other things: it counts if the values of the column bear it out. */
  readonly isMaybe?: true;
  /** Such columns often count rows or orders: digits alone do not bear it out. */
  readonly isCounted?: true;
  /** A lead's title, no person's name. */
  readonly isTitle?: true;
  readonly kind?: PhoneKind;
  /** The number that a column of types or countries belongs to, as `stemOf` names it; empty: any. */
  readonly stem?: string;
  readonly asks?: Asks;
}

/** Longer ones are sentences, or data. */
const LONGEST_HEADER = 80;

/** Letters and digits alone: `Phone 1 - Value`, `phone_1_value` and `Phone1Value` are one header, `Téléphone` and `TELEPHONE` too. */
export function squash(text: string): string {
  return cleanLine(text)
    .normalize('NFKD')
    .replace(/[\u0300-\u036f\u064b-\u065f\u0640\u093c]/g, '')
    .toLowerCase()
    .replace(/[\u0300-\u036f]/g, '') // the dot that a Turkish capital leaves
    .replaceAll('ı', 'i')
    .replaceAll('ى', 'ي')
    .replaceAll('ی', 'ي')
    .replaceAll('ک', 'ك')
    .replaceAll('ة', 'ه')
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, '');
}

const list = (words: string): string[] => words.split('|').map(squash);
/** A pattern of alternatives, longest first, because the first one that matches wins. */
const anyOf = (words: string): string =>
  list(words)
    .sort((a, b) => b.length - a.length)
    .join('|');
const setOf = (words: string): ReadonlySet<string> => new Set(list(words));

/** Word → the list that it stands in; the first list wins. */
function vocabulary<Kind extends string>(lists: Readonly<Record<Kind, string>>): ReadonlyMap<string, Kind> {
  const entries = Object.entries<string>(lists) as [Kind, string][];
  return new Map(entries.flatMap(([kind, words]) => list(words).map((word) => [word, kind] as const)).reverse());
}

/** The lists whose words a text consists of, or null. Longer words are tried first; a number of one or two digits is a word. */
function wordsOf<Kind extends string>(
  text: string,
  words: ReadonlyMap<string, Kind>,
): ReadonlySet<Kind | number> | null {
  const dead = new Set<number>();
  const from = (at: number): (Kind | number)[] | null => {
    if (at === text.length) return [];
    if (dead.has(at)) return null;
    const [digits] = /^\d{1,2}(?!\d)/.exec(text.slice(at, at + 3)) ?? [];
    const rest = digits === undefined ? null : from(at + digits.length);
    if (digits !== undefined && rest) return [Number(digits), ...rest];
    for (let end = Math.min(text.length, at + LONGEST_WORD); end > at; end--) {
      const kind = words.get(text.slice(at, end));
      const behind = kind === undefined ? null : from(end);
      if (kind !== undefined && behind) return [kind, ...behind];
    }
    dead.add(at);
    return null;
  };
  const found = from(0);
  return found && new Set(found);
}

const LONGEST_WORD = 24;

const PHONE = vocabulary(PHONE_WORDS);
const LABEL = vocabulary({ deaf: DEAF_WORDS, ...PHONE_WORDS });
const EMAIL = vocabulary(EMAIL_WORDS);
const COUNTRY = vocabulary(COUNTRY_WORDS);
const COUNTRY_OF_PHONE = vocabulary({ ...PHONE_WORDS, ...COUNTRY_WORDS });
const EXACT = new Map(
  Object.entries(HEADERS)
    .flatMap(([field, words]) => list(words).map((word, rank) => [word, { field: field as Field, rank }] as const))
    .reverse(),
);
const TITLES = setOf(LEAD_TITLES);
const SAID = setOf(MAYBE_PHONES.said);
const COUNTED = setOf(MAYBE_PHONES.counted);
const MAYBE_COUNTRY = setOf(COUNTRY_WORDS.maybe);
const COUNTED_COUNTRY = setOf(COUNTRY_WORDS.counted);
const TYPE_END = new RegExp(`(?:${list(TYPE_WORDS).join('|')})$`, 'u');
const VALUE_END = new RegExp(`(?:${list('value|valor|wert|valeur|number|no|num').join('|')})$`, 'u');
const PHONE_END = new RegExp(`(?:${list('telephone|phone|telefono|telefone|telefon|tel').join('|')})$`, 'u');
const COUNTRY_END = new RegExp(
  `(?:${anyOf(`${COUNTRY_WORDS.dialled}|${COUNTRY_WORDS.country}|${COUNTRY_WORDS.ofNumber}`)})$`,
  'u',
);
const COUNTRY_START = new RegExp(`^(?:${anyOf(COUNTRY_WORDS.before)})(?!${anyOf(COUNTRY_WORDS.counted)}|$)`, 'u');
/** `Phone with country code` is a phone. */
const WITH_CODE = /(?:with|without|incl|including|and|mit|ohne|avec|con|com|plus|с)$/u;
const NO = setOf(NO_WORDS);
const REFUSED = setOf(REFUSED_WORDS);
const ASKS = new Map<string, Asks>([
  ...list(STATES).map((word) => [word, { says: 'state', scope: 'marketing' }] as const),
  ...list(CONSENTS).map((word) => [word, { says: 'yes', scope: 'marketing' }] as const),
  ...list(REFUSALS.marketing).map((word) => [word, { says: 'no', scope: 'marketing' }] as const),
  ...list(REFUSALS.all).map((word) => [word, { says: 'no', scope: 'all' }] as const),
]);
/** Whose field it is, in front of what it is: `Person - Name`, `Lead: Source`. */
const OWNER = new RegExp(
  `^(?:${anyOf('person|persona|personne|pessoa|contact|contacto|contatto|contato|kontakt|lead|customer|client|cliente|user|your|primary|billing|invitee|attendee|guest|контакт')})(?=.)`,
  'u',
);
/** The same behind it, as `Имя (контакт)`. */
const OWNED = new RegExp(`(?:${list('контакт|контакта|лида|contact').join('|')})$`, 'u');

const QUESTION = new RegExp(`^(?:${anyOf(QUESTIONS.before)})(?=.)|(?<=.)(?:${anyOf(QUESTIONS.behind)})$`, 'gu');

/** `null`: the header is not known. */
export function meaningOf(header: string): Meaning | null {
  const text = squash(header.replace(/\btype=/gi, '')); // vCard's `TEL;TYPE=CELL`
  if (text === '' || text.length > LONGEST_HEADER) return null;
  const asked = text.replace(QUESTION, '');
  return meaningOfWords(text) ?? (asked === text ? null : meaningOfWords(asked));
}

function meaningOfWords(text: string): Meaning | null {
  const bare = text.replace(OWNER, '');
  return (
    asked(text, bare) ??
    typeOfNumber(text) ??
    country(text) ??
    exact(text) ??
    phone(text) ??
    email(text) ??
    exact(bare) ??
    exact(text.replace(OWNED, '')) ??
    maybePhone(text)
  );
}

function asked(text: string, bare: string): Meaning | null {
  const asks = ASKS.get(text) ?? ASKS.get(bare);
  return asks === undefined ? null : { field: 'optOut', rank: 0, asks };
}

function typeOfNumber(text: string): Meaning | null {
  const stem = text.replace(TYPE_END, '');
  if (stem === text || phone(stem) === null) return null;
  return { field: 'phoneType', rank: 0, stem: stemOf(stem) };
}

/** One of the number itself is better than one of an address, and that of a person better than that of a company. */
function country(text: string): Meaning | null {
  const stem = text.replace(COUNTRY_END, '');
  if (stem !== text && !WITH_CODE.test(stem)) {
    if (phone(stem) !== null) return { field: 'country', rank: 0, stem: stemOf(stem) };
    if (wordsOf(stem, PHONE)?.has('other')) return { field: 'country', rank: 4, stem: stemOf(stem) };
  }
  const behind = text.replace(COUNTRY_START, '');
  if (behind !== text && phone(behind) !== null) return { field: 'country', rank: 0, stem: stemOf(behind) };
  const ofPhone = wordsOf(text, COUNTRY_OF_PHONE);
  if (ofPhone?.has('dialled')) return { field: 'country', rank: 1, stem: '' };
  const found = wordsOf(text, COUNTRY);
  if (found?.has('dialled')) return { field: 'country', rank: 1, stem: '' };
  if (found?.has('country')) return { field: 'country', rank: found.has('work') ? 4 : 2, stem: '' };
  if (COUNTED_COUNTRY.has(text)) return { field: 'country', rank: 3, stem: '', isMaybe: true, isCounted: true };
  return MAYBE_COUNTRY.has(text) ? { field: 'country', rank: 3, stem: '', isMaybe: true } : null;
}

function phone(text: string): Meaning | null {
  const words = wordsOf(text, PHONE);
  if (words === null || !NUMBERS.some((number) => words.has(number))) return null;
  const kind = kindIn(words);
  const isOther = words.has('work') || words.has('other') || words.has('fixed');
  const place = [...words].find((word): word is number => typeof word === 'number') ?? 0;
  return { field: 'phone', kind, rank: PHONE_KINDS.indexOf(kind) * 100 + (isOther ? 50 : 0) + Math.min(place, 49) };
}

function maybePhone(text: string): Meaning | null {
  const isCounted = COUNTED.has(text);
  if (!isCounted && !SAID.has(text)) return null;
  const rank = PHONE_KINDS.length * 100;
  return { field: 'phone', rank, kind: 'plain', isMaybe: true, ...(isCounted && { isCounted }) };
}

const NUMBERS = ['whatsapp', 'mobile', 'phone', 'landline'] as const;

function kindIn(words: ReadonlySet<keyof typeof PHONE_WORDS | number>): PhoneKind {
  if (words.has('whatsapp')) return 'whatsapp';
  if (words.has('mobile')) return 'mobile';
  if (words.has('fixed')) return 'landline';
  for (const kind of ['landline', 'home', 'work', 'other'] as const) if (words.has(kind)) return kind;
  return 'plain';
}

function email(text: string): Meaning | null {
  const words = wordsOf(text, EMAIL);
  if (!words?.has('email')) return null;
  const place = [...words].find((word): word is number => typeof word === 'number') ?? 0;
  return { field: 'email', rank: (words.has('work') ? 100 : 0) + (words.has('other') ? 200 : 0) + place };
}

function exact(text: string): Meaning | null {
  const found = EXACT.get(text) ?? null;
  if (TITLES.has(text)) return { field: 'name', rank: HEADERS.name.length, isTitle: true };
  if (found?.field === 'name' && SAID.has(text)) return { ...found, isMaybe: true };
  return found;
}

/** The part of a header that a column of types or countries shares with the number that it belongs to: `phone1` of `Phone 1 - Value`, `mobile` of `Mobile Phone`. */
export function stemOf(header: string): string {
  const text = squash(header);
  const stem = text.replace(VALUE_END, '') || text;
  return stem.replace(PHONE_END, '') || stem;
}

/** A label's kind. One that is not known says nothing. */
export function kindOfLabel(label: string): PhoneKind {
  const text = squash(label);
  const words = text.length > LONGEST_HEADER ? null : wordsOf(text, LABEL);
  if (words === null) return 'plain';
  return words.has('deaf') ? 'deaf' : kindIn(words as ReadonlySet<keyof typeof PHONE_WORDS | number>);
}

/** The refusal in the cell of an opt-out column. In a column that says no, everything but a no is one: a date, a reason, an x. */
export function refusalIn(cell: string, { says, scope }: Asks): Scope | null {
  const text = squash(cell);
  const inWords = ASKS.get(text);
  if (text === '') return null;
  if (says === 'no') return NO.has(text) ? null : inWords?.says === 'no' && inWords.scope === 'all' ? 'all' : scope;
  if (inWords?.says === 'no') return inWords.scope;
  return says === 'yes' && (REFUSED.has(text) || NO.has(text)) ? scope : null;
}
