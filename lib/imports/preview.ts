/** A preview of an import: the result for the first rows of a file. Writes nothing, so a user can try other choices. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { commitByHalves } from '../halves.ts';
import { HttpError } from '../http/errors.ts';
import type { Country } from '../phone/index.ts';
import type { Answer } from './confirm.ts';
import { type ChosenForm, readHead, readHeader, wholeLines } from './lead-import/check.ts';
import { type Columns, fieldsOf, isMapped, looksLikePhone, mapColumns } from './lead-import/columns.ts';
import type { Delimiter } from './lead-import/dialect.ts';
import {
  declaredEncoding,
  type Encoding,
  type Suggestion,
  suggestEncoding,
  unmarkedUtf16,
} from './lead-import/encoding.ts';
import { type Foreseen, foresee } from './lead-import/foresee.ts';
import type { Question } from './lead-import/hold.ts';
import {
  type Lead,
  leadReader,
  type Reading,
  type RowError,
  type RowWarning,
  refusedByDatabase,
} from './lead-import/lead.ts';
import { headerMapper, type MapHeader, savedMappings } from './lead-import/mapping.ts';
import { type Field, type ImportOptions, importOptions, rulesOf } from './lead-import/options.ts';
import { type RowShape, SwallowedRows, strayQuote, tearOf } from './lead-import/quotes.ts';
import { type FileRecord, readRecords } from './lead-import/records.ts';
import { withTags } from './lead-import/slices.ts';
import { FileGone } from './lead-import/stored-bytes.ts';
import { cleanLine, shorten } from './lead-import/text.ts';
import { foreignLines, refuseForeignFormat, startsAsUtf8, textOnly } from './lead-import/text-only.ts';
import { decodeHead } from './lead-import/transcode.ts';
import { UnreadableFile } from './lead-import/unreadable.ts';

/** As many as fit on a screen. */
const SHOWN_ROWS = 20;
/** The most columns shown of the header and of each row. A file with more columns is imported all the same. */
const SHOWN_COLUMNS = 100;
/** The longest cell shown, in characters. */
const SHOWN_LENGTH = 200;

export interface Preview {
  readonly encoding: UsedEncoding;
  /** The delimiter that the rest was read with; `null` if not even a header could be read. */
  readonly delimiter: Delimiter | null;
  readonly country: Country;
  readonly options: ImportOptions;
  /** The saved mapping that the columns come from. */
  readonly mapping: string | null;
  /** The header's row as a spreadsheet shows it; 0: the file has none. `null` where not even that can be read. */
  readonly headerRow: number | null;
  readonly columns: readonly PreviewedColumn[];
  readonly rows: readonly PreviewedRow[];
  /** Why it cannot be imported so; what can be read of it is shown all the same. */
  readonly failure: { readonly code: string; readonly message: string; readonly line?: number } | null;
}

export interface PreviewedColumn {
  readonly header: string;
  readonly field: Field | null;
  /** A guess from the values that a person has to confirm. Set only if no column is known to hold numbers. */
  readonly suggested: Field | null;
}

export interface UsedEncoding {
  readonly used: Encoding;
  /** The source of the encoding. Only a suggestion has to be confirmed. */
  readonly source: 'chosen' | 'byte_order_mark' | 'utf8' | 'suggested';
  readonly suggestion: Suggestion | null;
}

export interface PreviewedRow {
  /** As a spreadsheet shows it. */
  readonly row: number;
  readonly cells: readonly string[];
  /** `null` where the columns are not known. */
  readonly outcome: Foreseen['outcome'] | 'error' | null;
  /** The lead as it would be stored; `null` if the row is refused. */
  readonly lead: Lead | null;
  readonly error: RowError | null;
  /** Parts of the row that would be left out. */
  readonly warnings: readonly RowWarning[];
  /** The source of the country that the number is dialled from: `default AE`, `beside SA`, or the `number` itself. */
  readonly dialledFrom: string | null;
  /** The messages that the row's numbers would be opted out of. */
  readonly optOut: 'marketing' | 'all' | null;
  /** The fields of a known lead that would change. */
  readonly changes: Foreseen['changes'];
}

interface Stored {
  company_id: string;
  status: string;
  country: Country;
  delimiter: Delimiter | null;
  encoding: Encoding | null;
  options: unknown;
  question: Question | null;
  size_bytes: number | null;
}

/**
 * `choice` is tried on top of what was chosen at the upload, and not kept. Reads the first 64 KiB, writes nothing. `null` for an
 * unknown import; throws 409 `file_gone` once the import has ended, `upload_incomplete` while parts are missing.
 */
export async function previewImport(database: Executor, importId: string, choice: Answer): Promise<Preview | null> {
  const [stored] = await database.execute<Stored>({ text: SELECT, params: [importId] });
  if (stored === undefined) return null;
  const { status, size_bytes: sizeBytes } = stored;
  if (!['pending', 'waiting', 'running', 'paused'].includes(status))
    throw new HttpError(409, 'file_gone', `The file of an import that is ${status} is not kept.`);
  if (sizeBytes === null) throw new HttpError(409, 'upload_incomplete', 'Expected a finished upload.');
  const head = await readHead(database, { importId, sizeBytes, form: 'sent' }).catch((error: unknown) => {
    if (!(error instanceof FileGone)) throw error; // it has ended since its row was read
    throw new HttpError(409, 'file_gone', 'The file of an import that has ended is not kept.');
  });
  const encoding = encodingOf(head, choice.encoding ?? stored.encoding, stored.question);
  const isWhole = head.length === sizeBytes;
  const text = Buffer.from(decodeHead(head, encoding.used, isWhole));
  const country = choice.country ?? stored.country;
  const options = importOptions.parse({ ...importOptions.parse(stored.options), ...choice.options });
  const map = headerMapper(await savedMappings(database, stored.company_id), options);
  const form = { delimiter: choice.delimiter ?? stored.delimiter, headerRow: options.headerRow };
  const sample = await readSample(text, isWhole, { form, map, quotes: options.quotes, country });
  const { headerRow, mapping } = sample;
  const used = { encoding, delimiter: sample.delimiter, country, options, mapping, headerRow };
  const foreign = failureOf(() => refuseForeignFormat(head));
  if (foreign !== null) return { ...used, columns: [], rows: [], failure: foreign };
  const rows = await judged(database, stored.company_id, sample, { country, options });
  const failure = sample.failure ?? garbled(head, encoding.used, text);
  return { ...used, columns: shownColumns(sample), rows, failure };
}

/** Bytes that mean nothing in an encoding: the import would ask again. In UTF-16 the character may stand in the file itself. */
function garbled(head: Buffer, encoding: Encoding, text: Buffer): Preview['failure'] {
  const isSound = encoding === 'utf-8' ? startsAsUtf8(head) : encoding.startsWith('utf-16') || !text.includes('\ufffd');
  if (isSound) return null;
  return { code: 'encoding_unsupported', message: `some characters mean nothing in ${encoding}: try another encoding` };
}

/** A suggestion of the whole check counts more than one from the head: the file may be ASCII for long. */
function encodingOf(head: Buffer, chosen: Encoding | null, question: Question | null): UsedEncoding {
  const asked = question?.code === 'encoding' ? question : null;
  const known = asked && {
    encoding: asked.suggested,
    confidence: asked.confidence,
    alternatives: asked.alternatives,
  };
  if (chosen !== null) return { used: chosen, source: 'chosen', suggestion: known };
  const declared = declaredEncoding(head);
  if (declared !== null) return { used: declared, source: 'byte_order_mark', suggestion: known };
  const isUtf16 = unmarkedUtf16(head) !== null;
  if (!known && !isUtf16 && startsAsUtf8(head)) return { used: 'utf-8', source: 'utf8', suggestion: null };
  const suggestion = known ?? suggestEncoding(isUtf16 ? head : foreignLines(head));
  return { used: suggestion.encoding, source: 'suggested', suggestion };
}

interface Sample {
  readonly delimiter: Delimiter | null;
  readonly headerRow: number | null;
  readonly header: readonly string[];
  /** `null` where they cannot be what was chosen, or where none has numbers. */
  readonly columns: Columns | null;
  readonly mapping: string | null;
  readonly records: readonly FileRecord[];
  readonly failure: Preview['failure'];
}

interface HowToRead {
  readonly form: ChosenForm;
  readonly map: MapHeader;
  readonly quotes: ImportOptions['quotes'];
  readonly country: Country;
}

/** Never throws for what is wrong with the file: that is what a preview has to show. */
async function readSample(head: Buffer, isWhole: boolean, { form, map, quotes, country }: HowToRead): Promise<Sample> {
  const records: FileRecord[] = [];
  let found: Pick<Sample, 'delimiter' | 'headerRow' | 'header'> = {
    delimiter: form.delimiter,
    headerRow: null,
    header: [],
  };
  let mapped: Pick<Sample, 'columns' | 'mapping'> = { columns: null, mapping: null };
  try {
    const text = wholeLines(head, isWhole);
    const { header, rows, row, dialect, firstRow } = await readHeader(text, form, map);
    found = { delimiter: dialect.delimiter, headerRow: row, header };
    const unmapped = failureOf(() => {
      mapped = map(header, rows);
    });
    const { columns } = mapped;
    const shape = columns && { ...dialect, header, columns, country };
    const rest = textOnly([text.subarray(firstRow.offset)], firstRow.line);
    const read = readRecords(rest, dialect, firstRow, shape ? tearOf(shape, quotes) : undefined);
    await takeRows(read, isWhole, records);
    if (columns?.phone.length === 0)
      throw new UnreadableFile('phone_column_missing', 'no column has phone numbers: choose one');
    if (shape && quotes === undefined) refuseSwallowed(records, shape);
    return { ...found, ...mapped, records, failure: unmapped };
  } catch (error) {
    return { ...found, ...mapped, records, failure: told(error) };
  }
}

/** The first rows, into `records`: what was read stays, whatever comes behind it. */
async function takeRows(read: AsyncIterable<FileRecord>, isWhole: boolean, records: FileRecord[]): Promise<void> {
  try {
    for await (const record of read) {
      if (record.cells.some((cell) => cleanLine(cell) !== '')) records.push(record);
      if (records.length === SHOWN_ROWS) return;
    }
  } catch (error) {
    // The head of a file may well end inside a quoted cell.
    if (isWhole || !(error instanceof UnreadableFile) || error.code !== 'quote_unbalanced') throw error;
  }
}

function refuseSwallowed(records: readonly FileRecord[], shape: RowShape): void {
  const places = records.flatMap(({ text, line }): [number, number][] => {
    const stray = text === null ? null : strayQuote(text, shape);
    return stray === null ? [] : [[line + stray.opens, line + stray.closes]];
  });
  if (places.length > 0) throw new SwallowedRows(places);
}

const UNREAD: Omit<Reading, 'lead'> & { lead: null } = { lead: null, warnings: [], stops: [], dialledFrom: null };

async function judged(
  database: Executor,
  companyId: string,
  { header, columns, records, failure }: Sample,
  { country, options }: { country: Country; options: ImportOptions },
): Promise<PreviewedRow[]> {
  const canRead = columns !== null && failure === null;
  const readLead = canRead ? leadReader({ header, columns }, { ...options, country }) : () => UNREAD;
  const read = records.map(({ row, cells }): Read => {
    const { lead, warnings, stops, dialledFrom } = readLead(cells);
    const optOut = stops[0]?.scope ?? null;
    const shown = { row, cells: cells.slice(0, SHOWN_COLUMNS).map(shownText), warnings, dialledFrom, optOut };
    if (lead === null) return { ...shown, lead: null, error: null };
    if ('code' in lead) return { ...shown, lead: null, error: lead };
    return { ...shown, lead: { ...lead, tags: withTags(lead.tags, options.tags) }, error: null };
  });
  const rules = rulesOf(options, (field) => columns !== null && isMapped(columns, field));
  const foresight = (rows: readonly Read[]) => {
    const leads = rows.flatMap(({ row, lead }) => (lead === null ? [] : [{ ...lead, row }]));
    return foresee(database, companyId, leads, { mode: options.mode, rules });
  };
  const refused = (row: Read, why: string): Read => ({ ...row, lead: null, error: refusedByDatabase(why) });
  const rows: PreviewedRow[] = [];
  for await (const { part, answer } of commitByHalves(read, foresight, refused))
    for (const shown of part) {
      const { outcome, changes } = answer.get(shown.row) ?? { outcome: shown.error && ('error' as const), changes: [] };
      rows.push({ ...shown, outcome, changes });
    }
  return rows;
}

type Read = Omit<PreviewedRow, 'outcome' | 'changes'>;

/** The columns to show. If no column was recognised, the headers alone let a person start choosing. */
function shownColumns({ header, columns, records }: Sample): PreviewedColumn[] {
  const known = columns ?? mapColumns(header);
  const fields = fieldsOf(known, header.length);
  return header.slice(0, SHOWN_COLUMNS).map((name, n) => {
    const values = records.map(({ cells }) => cleanLine(cells[n] ?? '')).filter((value) => value !== '');
    const isLikely = known.phone.length === 0 && values.length > 0 && values.every(looksLikePhone);
    return { header: shownText(name), field: fields[n] ?? null, suggested: isLikely ? 'phone' : null };
  });
}

function shownText(cell: string): string {
  return shorten(cell, SHOWN_LENGTH);
}

function failureOf(look: () => void): Preview['failure'] {
  try {
    look();
    return null;
  } catch (error) {
    return told(error);
  }
}

function told(error: unknown): Preview['failure'] {
  if (!(error instanceof UnreadableFile)) throw error;
  const { code, message, line } = error;
  return line === null ? { code, message } : { code, message, line };
}

const SELECT = `
select company_id, status, country, delimiter, encoding, options, question, size_bytes::float8 as size_bytes
from imports
where id = $1
`;
