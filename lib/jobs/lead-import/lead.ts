/** From the cells of one row to a lead, or to the one reason why it is refused. Pure. */
import { type Country, type PhoneRefusal, readPhone } from '../../phone/index.ts';
import type { Columns } from './columns.ts';
import { type Field, MAX_TAG_LENGTH, MAX_TAGS } from './options.ts';
import { cleanLine, cleanText, shorten } from './text.ts';

/** `null` says nothing about a field, so what we know of it stays. */
export interface Lead {
  readonly phone: string;
  readonly name: string | null;
  readonly email: string | null;
  readonly source: string | null;
  readonly organisation: string | null;
  readonly notes: string | null;
  readonly tags: readonly string[] | null;
}

/** What the error file shows beside the row. */
export interface RowError {
  readonly code:
    | PhoneRefusal
    | 'phone_missing'
    | 'email_invalid'
    | 'value_too_long'
    | 'too_many_cells'
    | 'value_refused';
  /** The column's header as the file has it; `null` when the whole row is meant. */
  readonly column: string | null;
  readonly value: string | null;
  readonly message: string;
}

/** A row that Postgres refuses, whatever we made of it. */
export function refusedByDatabase(why: string): RowError {
  return { code: 'value_refused', column: null, value: null, message: why };
}

export interface RowLayout {
  readonly header: readonly string[];
  readonly columns: Columns;
}

/** In characters. Longer ones are a shifted column or a pasted document, and no screen or template shows them. */
const MAX_LENGTH = { name: 200, email: 254, source: 200, organisation: 200, notes: 5_000 };
/** Of a refused value and its column's header in a report; the row itself is kept whole. */
const SHOWN_LENGTH = 200;

export function readLead(cells: readonly string[], layout: RowLayout, country: Country): Lead | RowError {
  const { header } = layout;
  // Fewer cells are what spreadsheets write for empty ones at the end; more mean that a delimiter in a text shifted the rest.
  if (cells.slice(header.length).some((cell) => cell.trim() !== ''))
    return {
      code: 'too_many_cells',
      column: null,
      value: null,
      message: `expected ${header.length} cells, got ${cells.length}: put quotes around text that contains the delimiter`,
    };
  const phoneCell = cellOf(cells, layout, 'phone');
  const phone = readPhone(phoneCell.text, { country });
  if ('none' in phone) return refuse('phone_missing', phoneCell, 'there is no phone number in this row');
  if ('refused' in phone) return refuse(phone.refused, phoneCell, phone.said);
  const email = cellOf(cells, layout, 'email');
  if (email.line !== '' && !EMAIL.test(email.line))
    return refuse('email_invalid', email, 'this is not an e-mail address');
  const values = {
    name: cellOf(cells, layout, 'name').line || fullName(cells, layout),
    email: email.line.toLowerCase(),
    source: cellOf(cells, layout, 'source').line,
    organisation: cellOf(cells, layout, 'organisation').line,
    notes: cleanText(cellOf(cells, layout, 'notes').text),
  };
  for (const field of ['name', 'email', 'source', 'organisation', 'notes'] as const) {
    if (values[field].length <= MAX_LENGTH[field]) continue;
    const cell = cellOf(cells, layout, field);
    return refuse(
      'value_too_long',
      cell,
      `expected at most ${MAX_LENGTH[field]} characters, got ${values[field].length}`,
    );
  }
  const tagCell = cellOf(cells, layout, 'tags');
  const tags = tagsIn(tagCell.text);
  if (tags.length > MAX_TAGS || tags.some((tag) => tag.length > MAX_TAG_LENGTH))
    return refuse(
      'value_too_long',
      tagCell,
      `expected at most ${MAX_TAGS} tags of at most ${MAX_TAG_LENGTH} characters, separated by commas`,
    );
  return {
    phone: phone.phone,
    name: values.name || null,
    email: values.email || null,
    source: values.source || null,
    organisation: values.organisation || null,
    notes: values.notes || null,
    tags: tags.length > 0 ? tags : null,
  };
}

/** Separated as people separate them, each once. */
function tagsIn(cell: string): string[] {
  return [...new Set(cell.split(/[,;|\n]/).map(cleanLine))].filter((tag) => tag !== '');
}

/** An address that mail could be sent to; whether it exists only mail can tell. */
const EMAIL = /^[^\s@<>,;"]+@[^\s@<>,;".]+(?:\.[^\s@<>,;".]+)+$/;

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

function fullName(cells: readonly string[], layout: RowLayout): string {
  return `${cellOf(cells, layout, 'firstName').line} ${cellOf(cells, layout, 'lastName').line}`.trim();
}

function refuse(code: RowError['code'], { column, text }: Cell, message: string): RowError {
  const shownColumn = column === null ? null : shorten(column, SHOWN_LENGTH); // each refused row repeats it
  return { code, column: shownColumn, value: shorten(text, SHOWN_LENGTH), message };
}
