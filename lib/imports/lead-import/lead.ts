/** Reads the cells of one row: a lead, or the one reason why it is refused, and what else the row says. Pure. */
import type { PhoneRefusal } from '../../phone/index.ts';
import { type Columns, columnsOf } from './columns.ts';
import { readEmail } from './emails.ts';
import { type Refusal, refusalReader, type Stop } from './opt-outs.ts';
import { type Field, type ImportOptions, MAX_TAG_LENGTH, MAX_TAGS } from './options.ts';
import { type Choice, type Dialled, phoneChooser, shownHeader } from './phones.ts';
import { tagsIn } from './tags.ts';
import { cleanLine, cleanText, shorten } from './text.ts';

/** `null` says nothing about a field, so what we know of it stays. */
export interface Lead {
  readonly phone: string;
  readonly name: string | null;
  /** The given name, if the file has it in a column of its own; only together with a family name. */
  readonly givenName?: string;
  readonly familyName?: string;
  readonly email: string | null;
  readonly source: string | null;
  readonly organisation: string | null;
  readonly notes: string | null;
  readonly tags: readonly string[] | null;
}

/** The error that the error file shows beside a row. */
export interface RowError {
  readonly code: PhoneRefusal | 'phone_missing' | 'value_too_long' | 'too_many_cells' | 'value_refused';
  /** The column's header as the file has it; `null` when the whole row is meant. */
  readonly column: string | null;
  readonly value: string | null;
  readonly message: string;
}

/** A row that Postgres refuses, whatever we made of it. */
export function refusedByDatabase(why: string): RowError {
  return { code: 'value_refused', column: null, value: null, message: why };
}

/** A value of an imported row that was left out. */
export interface RowWarning {
  readonly code: PhoneRefusal | 'email_invalid';
  readonly column: string;
  readonly value: string;
  readonly message: string;
}

export interface Reading {
  readonly lead: Lead | RowError;
  readonly warnings: readonly RowWarning[];
  /** Opt-outs of the row's numbers, whatever becomes of its lead. */
  readonly stops: readonly Stop[];
  /** The source of the country that the number is dialled from, such as `default AE`; `null` if no number was read. */
  readonly dialledFrom: string | null;
}

export interface RowLayout {
  readonly header: readonly string[];
  readonly columns: Columns;
}

/** In characters. Longer ones are a shifted column or a pasted document, and no screen or template shows them. */
const MAX_LENGTH = { name: 200, source: 200, organisation: 200, notes: 5_000 };
/** The longest refused value or column header shown in a report, in characters. The row itself is stored whole. */
const SHOWN_LENGTH = 200;
/** The longest message, in characters: one that lists many columns. */
const MESSAGE_LENGTH = 1_000;

/** Reads the rows of one file. */
export function leadReader(
  { header, columns }: RowLayout,
  { mode, ...dialled }: Dialled & Pick<ImportOptions, 'mode'>,
): (cells: readonly string[]) => Reading {
  // The layout of an import that an earlier version began lacks the fields that came later.
  const layout = { header, columns: columnsOf((field) => columns[field] ?? []) };
  const choosePhone = phoneChooser(layout.header, layout.columns, dialled);
  const refusalOf = refusalReader(layout.header, layout.columns);
  return (cells) => {
    const shifted = shiftedRow(cells, layout.header);
    if (shifted !== null) return { lead: shifted, warnings: [], stops: [], dialledFrom: null };
    const choice = choosePhone(cells);
    const refusal = mode === 'opt_out' ? { scope: 'all' as const, reason: 'a list of opt-outs' } : refusalOf(cells);
    const stops = refusal === null ? [] : stopsOf(choice.all, refusal);
    if (choice.chosen === null) return { lead: noNumber(choice), warnings: [], stops, dialledFrom: null };
    const { chosen } = choice;
    const { email, bad } = readEmail(cells, layout.columns.email);
    return {
      lead: leadOf(cells, layout, chosen.phone, email),
      warnings: warningsOf(choice, bad, layout.header),
      stops,
      dialledFrom: chosen.countryFrom === 'number' ? 'number' : `${chosen.countryFrom} ${chosen.country}`,
    };
  };
}

/** Fewer cells are what spreadsheets write for empty ones at the end; more mean that a delimiter in a text shifted the rest. */
function shiftedRow(cells: readonly string[], header: readonly string[]): RowError | null {
  if (!cells.slice(header.length).some((cell) => cell.trim() !== '')) return null;
  return {
    code: 'too_many_cells',
    column: null,
    value: null,
    message: `expected ${header.length} cells, got ${cells.length}: put quotes around text that contains the delimiter`,
  };
}

function noNumber({ unfit, columns, message }: Extract<Choice, { chosen: null }>): RowError {
  const told = shorten(message, MESSAGE_LENGTH);
  if (unfit !== null) return refuse(unfit.code, unfit, told);
  const [only, ...others] = columns;
  return refuse('phone_missing', { column: others.length === 0 ? (only ?? null) : null, text: '' }, told);
}

function leadOf(cells: readonly string[], layout: RowLayout, phone: string, email: string): Lead | RowError {
  const { name, ...parts } = nameOf(cells, layout);
  const values = {
    name,
    source: cellOf(cells, layout, 'source').line,
    organisation: cellOf(cells, layout, 'organisation').line,
    notes: cleanText(cellOf(cells, layout, 'notes').text),
  };
  for (const field of ['name', 'source', 'organisation', 'notes'] as const) {
    if (values[field].length <= MAX_LENGTH[field]) continue;
    const reason = `expected at most ${MAX_LENGTH[field]} characters, got ${values[field].length}`;
    return refuse('value_too_long', cellOf(cells, layout, field), reason);
  }
  const tagCell = cellOf(cells, layout, 'tags');
  const tags = tagsIn(tagCell.text);
  if (tags.length > MAX_TAGS || tags.some((tag) => tag.length > MAX_TAG_LENGTH)) {
    const reason = `expected at most ${MAX_TAGS} tags of at most ${MAX_TAG_LENGTH} characters, separated by commas`;
    return refuse('value_too_long', tagCell, reason);
  }
  return {
    phone,
    name: values.name || null,
    ...(parts.familyName !== '' && parts),
    email: email || null,
    source: values.source || null,
    organisation: values.organisation || null,
    notes: values.notes || null,
    tags: tags.length > 0 ? tags : null,
  };
}

/** The full name, else its halves. Where a file has one kind of half only, as `Vorname;Name`, the name may be the other half. */
function nameOf(cells: readonly string[], layout: RowLayout): { name: string; givenName: string; familyName: string } {
  const { firstName, lastName } = layout.columns;
  const [first = '', name = '', last = ''] = (['firstName', 'name', 'lastName'] as const).map(
    (field) => cellOf(cells, layout, field).line,
  );
  if (name === '') return { name: `${first} ${last}`.trim(), givenName: first, familyName: last };
  if (firstName.length > 0 && lastName.length > 0) return { name, givenName: first, familyName: last };
  const isOther = (half: string) => half !== '' && !name.toLowerCase().includes(half.toLowerCase());
  if (isOther(first)) return { name: `${first} ${name}`, givenName: first, familyName: name };
  if (isOther(last)) return { name: `${name} ${last}`, givenName: name, familyName: last };
  return { name, givenName: '', familyName: '' };
}

function warningsOf(
  { unfit, column }: Extract<Choice, { column: string }>,
  bad: ReturnType<typeof readEmail>['bad'],
  header: readonly string[],
): RowWarning[] {
  const ofPhones = unfit.map((one): RowWarning => {
    const message = shorten(`${one.said}; the number is the one of ${shownHeader(column)}`, MESSAGE_LENGTH);
    return {
      code: one.code,
      column: shorten(one.column, SHOWN_LENGTH),
      value: shorten(one.text, SHOWN_LENGTH),
      message,
    };
  });
  if (bad === null) return ofPhones;
  const message = 'this is not an e-mail address, so it was left out';
  const inColumn = shorten(header[bad.column] ?? '', SHOWN_LENGTH);
  return [...ofPhones, { code: 'email_invalid', column: inColumn, value: shorten(bad.text, SHOWN_LENGTH), message }];
}

function stopsOf(phones: readonly string[], { scope, reason }: Refusal): Stop[] {
  return [...new Set(phones)].map((phone) => ({ phone, scope, reason }));
}

interface Cell {
  readonly column: string | null;
  readonly text: string;
  readonly line: string;
}

/** The first cell of `field` that says something, else its best column's, which is empty. */
function cellOf(cells: readonly string[], { header, columns }: RowLayout, field: Field): Cell {
  const candidates = columns[field].map((index): Cell => {
    const text = cells[index] ?? '';
    return { column: header[index] ?? null, text, line: cleanLine(text) };
  });
  return candidates.find(({ line }) => line !== '') ?? candidates[0] ?? { column: null, text: '', line: '' };
}

function refuse(code: RowError['code'], { column, text }: Pick<Cell, 'column' | 'text'>, message: string): RowError {
  const shownColumn = column === null ? null : shorten(column, SHOWN_LENGTH); // each refused row repeats it
  return { code, column: shownColumn, value: shorten(text, SHOWN_LENGTH), message };
}
