/** Quotation marks that are missing or too many: no person is lost in another one's note, and no note is taken for people. */
import { expect, test } from 'vitest';
import { mapColumns } from '../../lib/imports/lead-import/columns.ts';
import { LINE_ENDS } from '../../lib/imports/lead-import/dialect.ts';
import { leadReader } from '../../lib/imports/lead-import/lead.ts';
import { type RowShape, strayQuote, tearOf } from '../../lib/imports/lead-import/quotes.ts';
import { readRecords, START } from '../../lib/imports/lead-import/records.ts';
import { UnreadableFile } from '../../lib/imports/lead-import/unreadable.ts';
import fc from '../support/property.ts';

const HEADERS = [
  ['Phone', 'Name'],
  ['Name', 'Phone', 'Notes'],
  ['Notes', 'Phone', 'Email'],
  ['Id', 'Name', 'Notes', 'City', 'Mobile'],
];

const shapeOf = (header: readonly string[], delimiter = ','): RowShape => ({
  header,
  columns: mapColumns(header),
  delimiter,
  country: 'AE',
});

const PROSE = [
  'wants a view, two parking spaces, and quiet neighbours',
  'Villa 12, Street 4, Al Barsha, Dubai',
  'P.O. Box 123456, Abu Dhabi',
  'budget AED 1,500,000; ready in 2026',
  'said: call after six; not on Friday',
  '0501234567',
  'my office is +971 4 123 4567',
  'a "quoted" word, and 5" of something',
  '',
  'Sehr geehrte Damen und Herren,',
  '- first, second; third',
];
const prose = fc.array(fc.constantFrom(...PROSE), { minLength: 1, maxLength: 30 }).map((lines) => lines.join('\n'));
const cell = fc.oneof(
  fc.constantFrom('', 'Ali', 'Al Futtaim, O.', 'x;y', "O'Neil", 'say "hi"', 'two\nlines', 'قيمة، أخرى'),
  prose,
);

const written = (text: string, delimiter: string, always: boolean) =>
  always || /["\r\n]/.test(text) || text.includes(delimiter) ? `"${text.replaceAll('"', '""')}"` : text;

/** People with numbers of their own, and the file that a spreadsheet writes of them. */
const file = fc
  .record({
    header: fc.constantFrom(...HEADERS),
    delimiter: fc.constantFrom(',', ';'),
    lineEnd: fc.constantFrom('\n', '\r\n', '\r'),
    always: fc.boolean(),
    lastEnd: fc.boolean(),
    people: fc.array(fc.tuple(cell, cell, cell, cell), { minLength: 2, maxLength: 12 }),
  })
  .map(({ header, delimiter, lineEnd, always, lastEnd, people }) => {
    const rows = people.map((texts, n) =>
      header.map((name, index) => {
        if (name === 'Phone' || name === 'Mobile') return phoneOf(n);
        return name === 'Email' ? `p${n}@example.com` : (texts[index % 4] ?? '');
      }),
    );
    const lines = [header, ...rows].map((cells) =>
      cells.map((text) => written(text, delimiter, always)).join(delimiter),
    );
    return {
      shape: shapeOf(header, delimiter),
      phones: people.map((_, n) => phoneOf(n)),
      text: `${lines.join(lineEnd)}${lastEnd ? lineEnd : ''}`,
    };
  });

const phoneOf = (n: number) => `050${7_100_000 + n * 1_357}`;

/** The outcome of each record below the header, or 'asked' if nobody has to find out what is lost. */
async function outcomeOf(text: string, shape: RowShape, quotes?: 'lines') {
  const rows: { phone: string | null; words: string }[] = [];
  const dialect = { delimiter: shape.delimiter as ',', lineEnds: LINE_ENDS };
  const readLead = leadReader(shape, { country: shape.country, mode: 'upsert', several: 'refuse' });
  try {
    for await (const record of readRecords([Buffer.from(text)], dialect, START, tearOf(shape, quotes))) {
      if (quotes === undefined && record.text !== null && strayQuote(record.text, shape)) return 'asked';
      const { lead } = readLead(record.cells);
      const words = record.cells.join('|').replaceAll('"', '');
      if (record.row > 1) rows.push({ phone: 'code' in lead ? null : lead.phone.replace('+971', '0'), words });
    }
  } catch (error) {
    if (!(error instanceof UnreadableFile)) throw error;
    return 'asked';
  }
  return rows;
}

/** Each person has a row of their own: a lead, or a refusal that shows their number. */
function expectEverybody(rows: { phone: string | null; words: string }[], phones: readonly string[]): void {
  const numbers = new Set(phones);
  const found = rows.flatMap(({ phone, words }) => {
    if (phone !== null && numbers.has(phone)) return [phone];
    return phones.filter((other) => words.includes(other)).slice(0, 1);
  });
  expect(found.toSorted()).toEqual(phones.toSorted());
}

test('files that spreadsheets write come through whole, however many lines their notes have', async () => {
  await fc.assert(
    fc.asyncProperty(file, fc.constantFrom(undefined, 'lines' as const), async ({ shape, phones, text }, quotes) => {
      const rows = await outcomeOf(text, shape, quotes);
      expect(rows).not.toBe('asked');
      if (rows !== 'asked') expectEverybody(rows, phones);
    }),
    { numRuns: Number(process.env.RUNS ?? 200) },
  );
});

const broken = fc.tuple(file, fc.boolean(), fc.nat()).chain(([good, isAdded, place]) => {
  const body = good.text.search(/[\r\n]/) + 1; // the header's own marks are another test
  const marks = [...good.text.matchAll(/"/g)].map(({ index }) => index).filter((index) => index >= body);
  const at =
    isAdded || marks.length === 0 ? body + (place % (good.text.length - body)) : (marks[place % marks.length] ?? 0);
  const mark = isAdded || marks.length === 0 ? '"' : '';
  const text = good.text.slice(0, at) + mark + good.text.slice(mark === '' ? at + 1 : at);
  return fc.constant({ ...good, text });
});

test('with one mark too few or too many nobody is lost in silence', async () => {
  let asked = 0;
  await fc.assert(
    fc.asyncProperty(broken, async ({ shape, phones, text }) => {
      const rows = await outcomeOf(text, shape);
      if (rows === 'asked') asked++;
      else expectEverybody(rows, phones);
    }),
    { numRuns: Number(process.env.RUNS ?? 400) },
  );
  expect(asked).toBeGreaterThan(20);
});

test('read by lines, such a file gives every person a row', async () => {
  await fc.assert(
    fc.asyncProperty(broken, async ({ shape, phones, text }) => {
      const rows = await outcomeOf(text, shape, 'lines');
      expect(rows).not.toBe('asked');
      if (rows !== 'asked') expectEverybody(rows, phones);
    }),
    { numRuns: Number(process.env.RUNS ?? 400) },
  );
});
