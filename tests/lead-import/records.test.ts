/** Records know where they end: from any of those places on, the rest of the file reads the same. */
import { CsvError, Parser } from 'csv-parse';
import { expect, test, vi } from 'vitest';
import { mapColumns } from '../../lib/imports/lead-import/columns.ts';
import { type Delimiter, type Dialect, detectDialect, LINE_ENDS } from '../../lib/imports/lead-import/dialect.ts';
import { findHeader } from '../../lib/imports/lead-import/header-row.ts';
import { headerMapper } from '../../lib/imports/lead-import/mapping.ts';
import { tearOf } from '../../lib/imports/lead-import/quotes.ts';
import { type FileRecord, readRecords, START } from '../../lib/imports/lead-import/records.ts';
import { textOnly } from '../../lib/imports/lead-import/text-only.ts';
import fc from '../support/property.ts';

async function* streamed(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(bytes: Buffer, dialect: Dialect, options: { from?: FileRecord['next']; chunk?: number } = {}) {
  const { from = START, chunk = 7 } = options;
  const records: FileRecord[] = [];
  for await (const record of readRecords(streamed(bytes.subarray(from.offset), chunk), dialect, from))
    records.push(record);
  return records;
}

const detect = (text: string, chosen: Delimiter | null = null) =>
  detectDialect(Buffer.from(text), chosen, (sample) => findHeader(sample, headerMapper([], { columns: {} }))).dialect;

const COMMA: Dialect = { delimiter: ',', lineEnds: LINE_ENDS };

const cell = fc.oneof(
  fc.constantFrom('', 'a', 'Ali', 'say "hi"', 'two\nlines', 'two\r\nlines', 'a,b', 'محمد', '😀', 'é', '="05"'),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
);
const written = (text: string, quoted: boolean) =>
  quoted || /[",\r\n\ufeff]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
const file = fc
  .record({
    rows: fc.array(fc.array(fc.tuple(cell, fc.boolean()), { minLength: 1, maxLength: 4 }), { maxLength: 12 }),
    ends: fc.array(fc.constantFrom('\n', '\r\n'), { minLength: 12, maxLength: 12 }),
    bom: fc.boolean(),
    lastEnd: fc.boolean(),
  })
  .map(({ rows, ends, bom, lastEnd }) => {
    const lines = rows.map((cells) => cells.map(([text, quoted]) => written(text, quoted)).join(','));
    const text = lines.map((line, n) => `${line}${n < lines.length - 1 || lastEnd ? ends[n] : ''}`).join('');
    return { bytes: Buffer.from(`${bom ? '\ufeff' : ''}${text}`), cells: rows.map((row) => row.map(([text]) => text)) };
  });

test('a run that starts behind any record reads what a run from the beginning reads there', async () => {
  await fc.assert(
    fc.asyncProperty(file, fc.integer({ min: 1, max: 40 }), async ({ bytes }, chunk) => {
      const whole = await read(bytes, COMMA, { chunk: 1_000 });
      expect(await read(bytes, COMMA, { chunk })).toEqual(whole);
      for (const [n, { next }] of whole.entries())
        expect(await read(bytes, COMMA, { from: next, chunk })).toEqual(whole.slice(n + 1));
      expect(whole.at(-1)?.next.offset ?? bytes.length).toBe(bytes.length);
    }),
    { numRuns: 150 },
  );
});

test('cells come back as they were written', async () => {
  await fc.assert(
    fc.asyncProperty(file, async ({ bytes, cells }) => {
      const records = await read(bytes, COMMA);
      // A last row of one empty cell without a line end is no row; nothing else may differ.
      expect(records.map((record) => record.cells)).toEqual(cells.slice(0, records.length));
      expect(cells.slice(records.length).flat().join('')).toBe('');
    }),
    { numRuns: 150 },
  );
});

test('rows and lines are counted as a spreadsheet and an editor count them', async () => {
  const records = await read(Buffer.from('a,b\r\n1,"x\r\ny"\r\n\r\n2,z\r\n'), COMMA);
  expect(records.map(({ row, next }) => [row, next.line])).toEqual([
    [1, 2],
    [2, 4],
    [3, 5],
    [4, 6],
  ]);
});

test('the rest of the process has its turn between the records of a file of line ends', async () => {
  let turns = 0;
  const others = setInterval(() => turns++, 0);
  const records = await read(Buffer.alloc(256 * 1024, '\n'), COMMA, { chunk: 256 * 1024 });
  clearInterval(others);
  expect(records).toHaveLength(256 * 1024);
  expect(turns).toBeGreaterThanOrEqual(32); // of 64 slices
});

test('a file that tears at every row is read a few times over, not a slice of it for each row', async () => {
  const parsed = vi.spyOn(Parser.prototype, '_transform');
  const shape = {
    header: ['phone', 'name'],
    columns: mapColumns(['phone', 'name']),
    delimiter: ',',
    country: 'AE' as const,
  };
  const bytes = Buffer.from(`phone,name\n${'0501234567,"x\n'.repeat(1_000)}`);
  let rows = 0;
  for await (const _ of readRecords([bytes], COMMA, START, tearOf(shape, 'lines'))) rows++;
  expect(rows).toBe(1_001);
  const read = parsed.mock.calls.reduce((sum, [chunk]) => sum + (chunk as Buffer).length, 0);
  parsed.mockRestore();
  expect(read / bytes.length).toBeLessThan(40); // 500 in slices of 16 KiB
});

test('no record is compared with the first one: the parser would make an error of each that is longer or shorter', async () => {
  const captured = vi.spyOn(Error, 'captureStackTrace');
  const records = await read(Buffer.from(`phone,name\n${'1\n1,2,3\n'.repeat(500)}`), COMMA);
  expect(records.length).toBe(1_001);
  expect(captured.mock.calls.filter(([error]) => error instanceof CsvError)).toEqual([]);
  captured.mockRestore();
});

test('a stray quote stays text and swallows no row', async () => {
  const records = await read(Buffer.from('a,b\n1,"x"y\n2,5" pipe\n3,z\n'), COMMA);
  expect(records.map(({ cells }) => cells[1])).toEqual(['b', '"x"y', '5" pipe', 'z']);
});

test('a record that swallows the rows behind it is met behind the last whole record, with its line', async () => {
  const bytes = Buffer.from(`a,b\n1,2\n3,"x\n${'4,5\n'.repeat(20_000)}`);
  const seen: string[][] = [];
  const reading = (async () => {
    for await (const { cells } of readRecords(streamed(bytes, 1_000), COMMA, START)) seen.push(cells);
  })();
  await expect(reading).rejects.toMatchObject({ name: 'UnreadableFile', code: 'record_too_long', line: 3 });
  expect(seen).toEqual([
    ['a', 'b'],
    ['1', '2'],
  ]);
});

test.each([
  ['comma', 'Name,Phone\nAli,1\n', ','],
  ['semicolon', 'Name;Phone;Note\nAli;1;a, b\nOmar;2;c, d\n', ';'],
  ['tab', 'Name\tPhone\nAli\t1\n', '\t'],
  ['bar', 'Name|Phone\nAli|1\n', '|'],
  ['one column', 'Phone\n1\n2\n', ','],
  ['a comma in every name', 'Phone;Name\n1;"Ali, A"\n2;Omar, B\n', ';'],
  ['commas in the header of another column', 'Note, free, text;Phone\nx;1\ny;2\n', ';'],
  ['header only', 'Name;Mobile Number', ';'],
  ['nothing', '', ','],
  ['what a first line tells Excel', 'sep=;\nName;Phone\nAli;1\n', ';'],
  [
    'the same with a mark in front and another delimiter in the texts',
    '\ufeffsep=|\r\nName|Phone, mobile\r\nAli|1\r\n',
    '|',
  ],
  [
    'below the notes of an export',
    'Notes:\n"One, two; three"\n\nFirst Name,Email Address,Position\nAli,a@x.com,CEO\n',
    ',',
  ],
])('finds the delimiter: %s', (_, text, delimiter) => {
  expect(detect(text).delimiter).toBe(delimiter);
});

test('what the uploader chose wins', () => {
  expect(detect('Name;Phone\n', ',').delimiter).toBe(',');
});

test.each([
  ['LF', 'a,b\n1,2\n'],
  ['CRLF', 'a,b\r\n1,2\r\n'],
  ['CRLF written twice', 'a,b\r\r\n1,2\r\r\n'],
  ['CR', 'a,b\r1,2\r'],
  ['CR behind a header with an inch mark', 'a,5" pipe\r1,2\r'],
  ['CR, then LF', 'a,b\r1,2\n'],
  ['LF, then CR', 'a,b\n1,2\r'],
  ['none at the end', 'a,b\n1,2'],
])('ends records at %s', async (_, text) => {
  const records = await read(Buffer.from(text), COMMA, { chunk: 1 });
  expect(records.map(({ cells, row, line }) => [cells[0], row, line])).toEqual([
    ['a', 1, 1],
    ['1', 2, 2],
  ]);
  expect(records.at(-1)?.cells).toEqual(['1', '2']);
});

test('a line end of another kind inside quotes stays in its cell', async () => {
  const records = await read(Buffer.from('a,"b\nc"\r1,"2\r3"\n4,"5\r\n6"\r\n'), COMMA);
  expect(records.map(({ cells, line }) => [cells[1], line])).toEqual([
    ['b\nc', 1],
    ['2\r3', 3],
    ['5\r\n6', 5],
  ]);
});

test.each(['\n', '\r', '\r\n'])('a byte that is no text is on line 3, whatever ends the lines: %j', async (end) => {
  const bytes = Buffer.from(`a,b${end}1,2${end}\xff,3${end}4,5`, 'latin1');
  for (const chunk of [1, 5, 100]) {
    const reading = async () => {
      for await (const _ of textOnly(streamed(bytes, chunk), 1));
    };
    await expect(reading()).rejects.toMatchObject({ line: 3 });
  }
});
