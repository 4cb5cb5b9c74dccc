/** A campaign's list from a file: who stands in it, with every column as a field. Nothing of it is guessed or stored here. */

import { isStorableText, storableText } from '@conversure/jobqueue';
import { HttpError } from '../http/errors.ts';
import { HEAD_BYTES, readLayout, wholeLines } from '../imports/lead-import/check.ts';
import { canonical, mapColumns } from '../imports/lead-import/columns.ts';
import { declaredEncoding, unmarkedUtf16 } from '../imports/lead-import/encoding.ts';
import { refusalReader } from '../imports/lead-import/opt-outs.ts';
import { type Choice, phoneChooser } from '../imports/lead-import/phones.ts';
import { readRecords } from '../imports/lead-import/records.ts';
import { cleanLine } from '../imports/lead-import/text.ts';
import { refuseForeignFormat, textOnly } from '../imports/lead-import/text-only.ts';
import { decodeHead } from '../imports/lead-import/transcode.ts';
import { UnreadableFile } from '../imports/lead-import/unreadable.ts';
import { type Country, readPhone } from '../phone/index.ts';
import { isTimeZone } from './campaign-send/zones.ts';
import { LIST_LIMITS, type Person } from './request.ts';

/** Headers of what a list can say of a person beside name and number. */
const LANGUAGES: readonly string[] = ['language', 'lang', 'locale', 'language code'];
const ZONES: readonly string[] = ['time zone', 'timezone', 'tz'];
const CONSENTS: readonly string[] = ['consent', 'consented', 'opt in', 'opted in', 'marketing consent'];
const YES = /^(1|y|yes|true|x|ja|si|oui|نعم|да)$/i;
/** Characters of a value, as the API takes them. */
const VALUE_CHARS = 1_024;
const NAME_CHARS = 60;
const PHONE_BYTES = 100;

export interface PeopleFile {
  readonly people: Person[];
  /** Rows that say that the person refuses messages. */
  readonly leftOut: number;
}

/**
 * UTF-8, or what a byte order mark declares; any delimiter. A row without a number stays: the campaign skips it and says so. Throws 400
 * for a file that cannot be read, that has no column of numbers, or more people than one request may hold.
 */
export async function peopleOf(bytes: Uint8Array, country: Country): Promise<PeopleFile> {
  try {
    return await readPeople(Buffer.from(bytes), country);
  } catch (error) {
    if (!(error instanceof UnreadableFile)) throw error;
    throw fileInvalid(error.message);
  }
}

async function readPeople(bytes: Buffer, country: Country): Promise<PeopleFile> {
  refuseForeignFormat(bytes);
  const text = utf8Of(bytes);
  const head = wholeLines(text.subarray(0, HEAD_BYTES), text.length <= HEAD_BYTES);
  const map = (names: readonly string[], rows: readonly (readonly string[])[] = []) => ({
    columns: mapColumns(names, rows),
    mapping: null,
  });
  const { layout, firstRow } = await readLayout(head, { delimiter: null }, map);
  const { header, columns } = layout;
  const choosePhone = phoneChooser(header, columns, { country, several: 'refuse' });
  const refusalOf = refusalReader(header, columns);
  const named = header.map(canonical);
  const placesOf = (names: readonly string[]) => named.flatMap((name, place) => (names.includes(name) ? [place] : []));
  const places = { language: placesOf(LANGUAGES), zone: placesOf(ZONES), consent: placesOf(CONSENTS) };
  const people: Person[] = [];
  let leftOut = 0;
  const rest = textOnly([text.subarray(firstRow.offset)], firstRow.line);
  for await (const { cells } of readRecords(rest, layout, firstRow)) {
    const first = (from: readonly number[]) => from.map((place) => cleanLine(cells[place] ?? '')).find(Boolean) ?? '';
    if (cells.every((cell) => cleanLine(cell) === '')) continue;
    if (refusalOf(cells) !== null) {
      leftOut++;
      continue;
    }
    if (people.length === LIST_LIMITS.people)
      throw fileInvalid(`expected at most ${LIST_LIMITS.people} people; import more as leads and choose them by tag`);
    const name = first(columns.name) || `${first(columns.firstName)} ${first(columns.lastName)}`.trim();
    people.push({
      phone: phoneOf(choosePhone(cells), first(columns.phone), country),
      ...(name !== '' && { name: storableText(name, 200) }),
      ...languageOf(first(places.language)),
      ...zoneOf(first(places.zone)),
      consented: YES.test(first(places.consent)),
      fields: fieldsOf(header, cells),
    });
  }
  if (people.length === 0) throw fileInvalid('there is nobody in the file who can be written to');
  return { people, leftOut };
}

/**
 * The number of the row. Where it has none for certain, what stands there is kept, so that the campaign can say why it skips them. The
 * campaign sees neither header nor country of the row: a text that it would take for a number gives way to the reason.
 */
function phoneOf(choice: Choice, shown: string, country: Country): string {
  if (choice.chosen !== null) return choice.chosen.phone;
  const texts = [shown, choice.unfit?.said ?? ''].map((text) => storableText(text, PHONE_BYTES));
  return texts.find((text) => text !== '' && !('phone' in readPhone(text, { country }))) ?? 'none';
}

/** `en`, `EN-us` and `en_US` are what Meta writes as `en` and `en_US`; anything else says nothing. */
function languageOf(text: string): { language?: string } {
  const [, language, region] = /^([a-z]{2,3})(?:[_-]([a-z]{2}))?$/i.exec(text) ?? [];
  if (language === undefined) return {};
  return { language: `${language.toLowerCase()}${region ? `_${region.toUpperCase()}` : ''}` };
}

function zoneOf(text: string): { timeZone?: string } {
  return text !== '' && text.length <= 60 && isTimeZone(text) ? { timeZone: text } : {};
}

/** Empty cells, and texts that no message holds, say nothing: the fallback of a parameter counts then. */
function fieldsOf(header: readonly string[], cells: readonly string[]): Record<string, string> {
  const entries = header.flatMap((name, place): [string, string][] => {
    const key = cleanLine(name);
    const value = cleanLine(cells[place] ?? '');
    const isKept =
      isStorableText(value) && value.length <= VALUE_CHARS && isStorableText(key) && key.length <= NAME_CHARS;
    return key === '' || value === '' || !isKept ? [] : [[key, value]];
  });
  return Object.fromEntries(entries.slice(0, LIST_LIMITS.fields));
}

/** The first row with each column says which fields a parameter can be filled from. */
export function columnsIn(people: readonly Person[]): string[] {
  return [...new Set(people.slice(0, 200).flatMap(({ fields }) => Object.keys(fields)))].slice(0, LIST_LIMITS.fields);
}

function utf8Of(bytes: Buffer): Buffer {
  const declared = declaredEncoding(bytes) ?? unmarkedUtf16(bytes);
  if (declared !== null) return Buffer.from(decodeHead(bytes, declared, true));
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw fileInvalid(
      'the file is not UTF-8: save it as “CSV UTF-8”, because in any other encoding names would be guessed',
    );
  }
  return bytes;
}

function fileInvalid(message: string): HttpError {
  return new HttpError(400, 'file_invalid', 'The file was not taken.', [{ path: 'file', message }]);
}
