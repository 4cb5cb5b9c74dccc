/** The one number of a row, chosen from all its columns of numbers: the label before the place, a good number before a bad one. */
import {
  type Country,
  lineOf,
  type PhoneReading,
  type PhoneRefusal,
  readCountry,
  readPhone,
} from '../../phone/index.ts';
import { type Columns, looksLikePhone } from './columns.ts';
import { kindOfLabel, meaningOf, PHONE_KINDS, type PhoneKind, stemOf } from './headers.ts';
import { cleanLine, shorten } from './text.ts';

export interface Dialled {
  /** The country that a number is dialled from if neither the number nor its row names one. */
  readonly country: Country;
  /** The fate of a cell with several good numbers. */
  readonly several: 'refuse' | 'first';
}

type Good = Extract<PhoneReading, { phone: string }>;

/** A column's word on the number, where it is not the number that was taken. */
export interface Unfit {
  readonly column: string;
  readonly text: string;
  readonly code: PhoneRefusal;
  readonly said: string;
}

export type Choice =
  | {
      readonly chosen: Good;
      readonly column: string;
      /** Better columns whose number was refused. */
      readonly unfit: readonly Unfit[];
      /** Every good number of the row, the chosen one too. */
      readonly all: readonly string[];
    }
  | {
      readonly chosen: null;
      /** Every good number of the row: of two in a cell none counts, and a refusal of messages counts for both. */
      readonly all: readonly string[];
      /** The best column's refusal; null where the row has no number at all. */
      readonly unfit: Unfit | null;
      /** The columns that were read. */
      readonly columns: readonly string[];
      readonly message: string;
    };

interface PhoneColumn {
  readonly index: number;
  readonly header: string;
  /** `null`: a person chose the column, whatever its header says. */
  readonly kind: PhoneKind | null;
  /** The column that holds its label. */
  readonly label: number | null;
  /** The columns that name its country: the first group that says something counts. */
  readonly countries: readonly (readonly number[])[];
}

/** In one reason: more of them nobody reads. */
const SHOWN_COLUMNS = 8;
const SHOWN_HEADER = 60;

/** Reads the rows of one file. */
export function phoneChooser(
  header: readonly string[],
  columns: Columns,
  dialled: Dialled,
): (cells: readonly string[]) => Choice {
  const places = phoneColumns(header, columns);
  return (cells) => {
    const read = places.map((place): Read => ({ place, ...kindAndReading(cells, place, dialled) }));
    const good = read.flatMap(({ reading, ...one }) => ('phone' in reading ? [{ ...one, reading }] : []));
    const best = good.length > 1 ? fittest(good) : good[0];
    const unclear = read.find(({ reading }) => 'refused' in reading && reading.refused === 'phone_ambiguous');
    // Two good numbers in a better column are no reason to take a fixed line from another one.
    if (best === undefined || (unclear && tierOf(best) > LIKELY_MOBILE)) return refusalOf(cells, header, read, unclear);
    const better = read.slice(
      0,
      read.findIndex(({ place }) => place === best.place),
    );
    return {
      chosen: best.reading,
      column: best.place.header,
      unfit: unfitOf(better, cells),
      all: goodIn(read.map(({ reading }) => reading)),
    };
  };
}

/** Every good number of a row or a cell. */
function goodIn(readings: readonly PhoneReading[]): string[] {
  return readings.flatMap((reading) => {
    if ('none' in reading) return [];
    return reading.among ?? ('phone' in reading ? [reading.phone] : []);
  });
}

interface Read {
  readonly place: PhoneColumn;
  readonly kind: PhoneKind | null;
  readonly reading: PhoneReading;
}
type GoodRead = Read & { readonly reading: Good };

function unfitOf(read: readonly Read[], cells: readonly string[]): Unfit[] {
  return read.flatMap(({ place, reading }) =>
    'refused' in reading
      ? [{ column: place.header, text: cells[place.index] ?? '', code: reading.refused, said: reading.said }]
      : [],
  );
}

function refusalOf(
  cells: readonly string[],
  header: readonly string[],
  read: readonly Read[],
  unclear: Read | undefined,
): Choice {
  const heard = read.filter(({ kind }) => kind !== 'deaf');
  const unfit = unfitOf(unclear ? [unclear, ...heard.filter((one) => one !== unclear)] : heard, cells);
  const silent = heard.flatMap(({ place, reading }) => ('none' in reading ? [place.header] : []));
  const unread = unreadOf(
    cells,
    header,
    heard.map(({ place }) => place.index),
  );
  return {
    chosen: null,
    all: goodIn(read.map(({ reading }) => reading)),
    unfit: unfit[0] ?? null,
    columns: heard.map(({ place }) => place.header),
    message: reasonOf(unfit, silent, unread),
  };
}

function phoneColumns(header: readonly string[], columns: Columns): PhoneColumn[] {
  const stems = (indexes: readonly number[]) => indexes.map((index) => ({ index, ...meaningOf(header[index] ?? '') }));
  const labels = stems(columns.phoneType);
  const countries = stems(columns.country);
  const stemsOfPhones = new Set(columns.phone.map((index) => stemOf(header[index] ?? '')));
  // That of another address, as Shipping Country, says nothing of a number that has no such name.
  const ofNumbers = countries.filter(
    ({ field, stem, rank }) => field === 'country' && stem && (rank === 0 || stemsOfPhones.has(stem)),
  );
  const others = countries.filter((column) => !ofNumbers.includes(column));
  const ranks = [...new Set(others.map(({ rank = 1 }) => rank))].sort((a, b) => a - b);
  const groups = ranks.map((rank) => others.filter((other) => (other.rank ?? 1) === rank).map(({ index }) => index));
  return columns.phone.map((index): PhoneColumn => {
    const name = header[index] ?? '';
    const meaning = meaningOf(name);
    const stem = stemOf(name);
    const own = ofNumbers.filter((column) => column.stem === stem);
    const lone = own.length === 0 && ofNumbers.length === 1 && ofNumbers[0]?.rank === 0 ? ofNumbers : own;
    return {
      index,
      header: name,
      kind: meaning?.field === 'phone' || meaning?.isMaybe ? (meaning.kind ?? 'plain') : null,
      label: labels.find((column) => column.stem === stem)?.index ?? null,
      countries: [lone.map((column) => column.index), ...groups],
    };
  });
}

function kindAndReading(
  cells: readonly string[],
  place: PhoneColumn,
  { country, several }: Dialled,
): Pick<Read, 'kind' | 'reading'> {
  const labelled = place.label === null ? 'plain' : kindOfLabel(cells[place.label] ?? '');
  const kind = labelled === 'plain' ? place.kind : labelled;
  if (kind === 'deaf') return { kind, reading: { none: true } };
  const parts = (cells[place.index] ?? '').split(VALUE_LIST).filter((part) => part.trim() !== '');
  const beside = besideOf(cells, place);
  const readings = parts.map((part) => readPhone(part, { country, several, ...(beside === '' ? {} : { beside }) }));
  return { kind, reading: oneOf(readings, several) };
}

/** Google's contacts write the values of one label like this, between blanks, which a number's reader takes off. A pattern with the blanks takes the square of their count. */
const VALUE_LIST = ':::';

/** Picks the valid value of a list; of several valid ones, the one that is no fixed line. */
function oneOf(readings: readonly PhoneReading[], several: Dialled['several']): PhoneReading {
  const good = readings.filter((reading) => 'phone' in reading);
  const mobile = good.filter(({ phone }) => lineOf(phone) !== 'fixed');
  const [first, ...others] = mobile.length > 0 ? mobile : good;
  if (first === undefined) return readings.find((reading) => 'refused' in reading) ?? { none: true };
  const other = others.find(({ phone }) => phone !== first.phone);
  const among = goodIn(readings);
  if (other === undefined || several === 'first') return { ...first, among };
  const said = `expected one phone number, got «${first.phone}» and «${other.phone}»`;
  return { refused: 'phone_ambiguous', said, among };
}

/** The text that names the country. Columns of equal rank that differ are both handed on, so nobody chooses between them. */
function besideOf(cells: readonly string[], { countries }: PhoneColumn): string {
  for (const group of countries) {
    const values = group
      .map((index) => cleanLine(cells[index] ?? ''))
      .filter((value) => !('none' in readCountry(value)));
    const distinct = new Map(values.map((value) => [keyOf(value), value]));
    if (distinct.size > 0) return [...distinct.values()].join(' / ');
  }
  return '';
}

function keyOf(value: string): string {
  const read = readCountry(value);
  return 'country' in read ? read.country : value;
}

const LIKELY_MOBILE = 2;

/** The lower the better. The label beats the type of the number, but no label makes a fixed line a mobile. */
function tierOf({ kind, reading }: GoodRead): number {
  if (kind === null || kind === 'whatsapp') return 0;
  const line = lineOf(reading.phone);
  if (kind === 'mobile' && line !== 'fixed') return 1;
  if (line === 'mobile') return LIKELY_MOBILE;
  return line === 'either' ? 3 : 4;
}

/** Picks the best reading; among equals the one of the first column. */
function fittest(good: readonly GoodRead[]): GoodRead | undefined {
  const ranked = good.map((one) => ({
    one,
    tier: tierOf(one),
    kind: one.kind === null ? -1 : PHONE_KINDS.indexOf(one.kind),
  }));
  return ranked.sort((a, b) => a.tier - b.tier || a.kind - b.kind)[0]?.one;
}

/** Columns that hold something like a number and were not read. */
function unreadOf(cells: readonly string[], header: readonly string[], read: readonly number[]): string[] {
  return cells.flatMap((cell, index) => {
    if (read.includes(index) || !looksLikePhone(cleanLine(cell))) return [];
    return [header[index] ?? ''];
  });
}

function reasonOf(unfit: readonly Unfit[], silent: readonly string[], unread: readonly string[]): string {
  const names = (columns: readonly string[]) => columns.slice(0, SHOWN_COLUMNS).map(shownHeader).join(', ');
  const [first, ...others] = unfit.slice(0, SHOWN_COLUMNS);
  const said = [
    first?.said ?? 'there is no phone number in this row',
    ...others.map((one) => `${shownHeader(one.column)}: ${one.said}`),
  ];
  if (silent.length > 0 && silent.length + unfit.length > 1) said.push(`read and without a number: ${names(silent)}`);
  if (unread.length > 0) said.push(`not read: ${names(unread)}`);
  return said.join('; ');
}

export function shownHeader(header: string): string {
  return shorten(cleanLine(header), SHOWN_HEADER) || '(empty)';
}
