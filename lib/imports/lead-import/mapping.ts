/** Decides what the columns of a file mean: by hand before a saved mapping before the headers. Also keeps the saved ones. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { type Columns, canonical, columnsOf, fieldsOf, isInvented, mapColumns } from './columns.ts';
import type { Field, ImportOptions } from './options.ts';
import { shorten } from './text.ts';
import { UnreadableFile } from './unreadable.ts';

export interface Mapped {
  readonly columns: Columns;
  /** The saved mapping that they came from. */
  readonly mapping: string | null;
}

/** `rows` are the first ones below the header. Throws `UnreadableFile` `columns_unknown` where a chosen column is not in the header. */
export type MapHeader = (header: readonly string[], rows?: readonly (readonly string[])[]) => Mapped;

export interface SavedMapping {
  readonly name: string;
  readonly header: readonly string[];
  readonly columns: Columns;
}

/** The most mappings of one company, newest first: each file's header is compared with all of them. */
const MAX_SAVED = 200;

/** The newest first. */
export function savedMappings(database: Executor, companyId: string): Promise<SavedMapping[]> {
  return database.execute<SavedMapping & object>({
    text: `
      select name, header, columns from import_mappings
      where company_id = $1
      order by updated_at desc, name
      limit ${MAX_SAVED}`,
    params: [companyId],
  });
}

/** The whole decision, without a look at the database. */
export function headerMapper(
  saved: readonly SavedMapping[],
  chosen: Pick<ImportOptions, 'columns' | 'mapping'>,
): MapHeader {
  return (header, rows) => {
    const found = chosen.mapping === undefined ? fitting(saved, header) : named(saved, chosen.mapping);
    const base = found ? transferred(found, header.map(canonical)) : mapColumns(header, rows);
    return { columns: withChosen(base, header, chosen.columns), mapping: found?.name ?? null };
  };
}

/** One whose headers are these, in this order: then nothing about it is a guess. */
function fitting(saved: readonly SavedMapping[], header: readonly string[]): SavedMapping | undefined {
  const asLong = saved.filter((mapping) => mapping.header.length === header.length);
  if (asLong.length === 0) return undefined;
  const names = header.map(canonical);
  return isInvented(names) ? undefined : asLong.find((mapping) => mapping.header.every((name, n) => name === names[n]));
}

function named(saved: readonly SavedMapping[], name: string): SavedMapping {
  const found = saved.find((mapping) => mapping.name === name);
  if (found) return found;
  throw new UnreadableFile('mapping_unknown', `this company has no saved mapping '${name}'`);
}

/** To a file whose columns stand elsewhere: by their names, and of equal names the first to the first. */
function transferred({ header, columns }: SavedMapping, names: readonly string[]): Columns {
  const placeOf = (index: number): number[] => {
    const name = header[index];
    const nth = header.slice(0, index).filter((other) => other === name).length;
    const at = names.flatMap((other, n) => (other === name ? [n] : []))[nth];
    return at === undefined ? [] : [at];
  };
  return columnsOf((field) => (columns[field] ?? []).flatMap(placeOf));
}

function withChosen(base: Columns, header: readonly string[], chosen: ImportOptions['columns']): Columns {
  const before = fieldsOf(base, header.length);
  const after: (Field | 'ignore' | undefined)[] = Array(header.length).fill(undefined);
  // Names first: a column that was chosen by its place is meant more exactly.
  const inOrder = Object.entries(chosen).sort(([a], [b]) => Number(isPlace(a)) - Number(isPlace(b)));
  for (const [key, field] of inOrder) for (const index of chosenIndexes(key, header)) after[index] = field;
  const differs = (index: number) => after[index] !== undefined && after[index] !== before[index];
  return columnsOf((field) => [
    ...after.flatMap((now, index) => (now === field && differs(index) ? [index] : [])),
    ...base[field].filter((index) => !differs(index)),
  ]);
}

const isPlace = (key: string): boolean => /^#[1-9]\d{0,4}$/.test(key);

function chosenIndexes(key: string, header: readonly string[]): number[] {
  const place = Number(key.slice(1)) - 1;
  if (isPlace(key) && place < header.length) return [place];
  const name = canonical(key);
  const indexes = header.flatMap((other, index) => (name !== '' && canonical(other) === name ? [index] : []));
  if (indexes.length > 0) return indexes;
  throw new UnreadableFile(
    'columns_unknown',
    `expected a column '${shorten(key, 100)}', as it was chosen; the file has none of that name`,
  );
}

/** The mapping to store; `null` unless the uploader named it. */
export function mappingToSave(
  { saveMapping }: Pick<ImportOptions, 'saveMapping'>,
  { header, columns }: { readonly header: readonly string[]; readonly columns: Columns },
): SavedMapping | null {
  return saveMapping === undefined ? null : { name: saveMapping, header: header.map(canonical), columns };
}
