/**
 * Files that nobody means well with, the whole way: upload, preview, the answers to what it asks, import. Each row is imported or refused with
 * its reason, once, or the whole file is refused. No file holds the process up or fills its memory. `npm run fuzz` sends more and larger ones.
 */

import '../edges/fuzz/environment.ts';

import { randomUUID } from 'node:crypto';
import { parse } from 'csv-parse/sync';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { GET, POST } from '../../api/_app/imports.ts';
import { guard } from '../../lib/csv/formula-guard.ts';
import type { ImportView } from '../../lib/imports/status.ts';
import { queue } from '../../lib/queue/index.ts';
import { database } from '../../packages/jobqueue/src/postgres/connect.ts';
import { clearQueue } from '../../packages/jobqueue/src/testing.ts';
import { SECRETS } from '../edges/fuzz/environment.ts';
import { heldMs, MOST_HELD_MS } from '../edges/fuzz/held.ts';
import { noteFiles } from '../edges/fuzz/progress.ts';
import { mostKeptBytes } from '../edges/fuzz/reachable.ts';
import { csv, hostileText } from '../edges/fuzz/values.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import fc from '../support/property.ts';
import { LARGE_FILES } from './hostile-files.ts';

const CASES = Number(process.env.FUZZ_CASES ?? 3_000);
const isByCommand = CASES > 3_000;
/** A file costs as much as some hundred requests. */
const FILES = Math.ceil(CASES / 150);
const TABLES = Math.ceil(CASES / 500);
/** The command sends as much as one request may carry. */
const LARGE = isByCommand ? { bytes: 4 * 1024 * 1024 - 1024, rows: 5_000 } : { bytes: 192 * 1024, rows: 120 };
/** In CI: what asks most of the reader, of one row, and of the encodings. */
const LARGE_IN_CI = [
  'a quotation mark that is never closed',
  'rows with far more cells than the header',
  'UTF-16 with halves of characters',
];
/** A file comes in one piece of up to 4 MiB, and goes to the database in base64, twice in memory. */
const MOST_KEPT_BYTES = 64 * 1024 * 1024;
const MOST_MS = 60_000 + FILES * 1_000;
/** A file asks for an encoding, then for columns, then what its quotes mean; then it may ask to confirm. */
const MOST_ANSWERS = 4;

let fresh: TestDatabase;
/** The signal of the test that runs: one that is out of time stops before its next step. */
let signal: AbortSignal;
let underWay: Promise<unknown> = Promise.resolve();
beforeAll(async () => {
  fresh = await freshDatabase();
  process.env.DATABASE_URL = fresh.url;
});
beforeEach((context) => {
  signal = context.signal;
});
afterEach(async () => {
  await underWay.catch(() => undefined); // failed in its test
  await clearQueue(queue); // a test that failed leaves nothing to the drains of the next one
});
afterAll(async () => {
  await database().close();
  await fresh.drop();
});

const headers = { authorization: `Bearer ${SECRETS.QUEUE_API_KEY}` };

/** Any answer but a fault of ours. */
async function answered(asked: Promise<Response>): Promise<{ readonly status: number; readonly text: string }> {
  const response = await asked;
  const text = await response.text();
  expect(response.status, text).toBeLessThan(500);
  return { status: response.status, text };
}
const addressOf = (query: string) => `http://app.test/api/imports?${query}`;
const ask = (query: string) => answered(GET(new Request(addressOf(query), { headers })));
const send = (query: string, type: string, body: BodyInit) =>
  answered(
    POST(new Request(addressOf(query), { method: 'POST', headers: { ...headers, 'content-type': type }, body })),
  );
const view = async (id: string) => JSON.parse((await ask(`id=${id}`)).text) as ImportView;

/** An import at its end. */
interface Ended {
  readonly view: ImportView;
  /** The file of its refused rows. */
  readonly refused: string;
}

interface Walked {
  readonly view: ImportView;
  /** In the order of the file. */
  readonly rows: readonly { readonly row: number; readonly outcome: string }[];
}

/** The answer of a patient person to the question of an import. */
function answerTo({ question }: ImportView, quotes: 'lines' | 'cells'): object {
  switch (question?.code) {
    case 'encoding':
      return { encoding: question.suggested };
    case 'quotes':
      return { quotes };
    case 'columns':
      return { columns: { '#1': 'phone' } };
    default:
      return {};
  }
}

/** Takes a file the whole way. Null if the upload itself is refused. */
async function walk(file: Buffer, companyId: string, quotes: 'lines' | 'cells'): Promise<Ended | null> {
  const uploaded = await send(
    `companyId=${companyId}&createCompany=1&country=AE&preview=1`,
    'text/csv',
    new Uint8Array(file),
  );
  if (uploaded.status !== 201) return null;
  const { importId: id } = JSON.parse(uploaded.text) as { importId: string };
  for (let answers = 0; ; answers++) {
    signal.throwIfAborted();
    expect([200, 409]).toContain((await ask(`id=${id}&preview=1`)).status);
    await queue.drain({ budgetMs: 60_000, types: ['lead_import'] });
    const now = await view(id);
    if (now.status !== 'waiting') break;
    expect(answers, now.question?.message).toBeLessThan(MOST_ANSWERS);
    const body = JSON.stringify(answerTo(now, quotes));
    const { status, text } = await send(`id=${id}&confirm=1`, 'application/json', body);
    expect(status, text).toBe(200);
  }
  return { view: await view(id), refused: (await ask(`id=${id}&errors=csv`)).text };
}

/** Each row that was read has one outcome, each refusal its reason, and a file that is refused leaves nothing. */
async function accounted({ importId, companyId, status, counts, failure }: ImportView): Promise<Walked['rows']> {
  const rows = await database().execute<{ row: number; outcome: string; reason: string }>({
    text: 'select row, outcome, code || message as reason from import_rows where import_id = $1 order by row',
    params: [importId],
  });
  const [left] = await database().execute<{ leads: number; parts: number }>({
    text: `select (select count(*)::int from leads where company_id = $2) as leads,
                  (select count(*)::int from import_parts where import_id = $1) as parts`,
    params: [importId, companyId],
  });
  const { created, updated, unchanged, duplicates, skipped, errors } = counts;
  expect(left).toEqual({ leads: created, parts: 0 });
  expect(rows.length).toBe(created + updated + unchanged + duplicates + skipped + errors);
  expect(rows.filter(({ outcome }) => outcome === 'created').length).toBe(created);
  expect(rows.filter(({ outcome }) => outcome === 'error').length).toBe(errors);
  expect(rows.filter(({ outcome, reason }) => outcome === 'error' && !reason)).toEqual([]);
  if (status === 'failed') expect([rows, failure]).toEqual([[], expect.objectContaining(SOME_REASON)]);
  else {
    expect(status).toBe('completed');
    expect(rows.length).toBeLessThanOrEqual(counts.rows ?? 0); // blank rows have no outcome
  }
  return rows.map(({ row, outcome }) => ({ row, outcome }));
}

const SOME_REASON = { code: expect.stringMatching(/^\w+$/), message: expect.stringMatching(/./) };

async function expectNothing(companyId: string): Promise<void> {
  const written = await database().execute({
    text: 'select id from companies where id = $1 union all select id from imports where company_id = $1',
    params: [companyId],
  });
  expect(written).toEqual([]);
}

/** As a spreadsheet reads the file: it computes none of its cells. */
function expectWithoutFormula(refused: string): void {
  const delimiter = [',', ';', '\t', '|'].find((one) => refused.includes(`_row${one}_error_code`)) ?? ',';
  const rows = parse(refused, { bom: true, delimiter, relax_column_count: true }) as string[][];
  expect(rows.flat().filter((cell) => /^\s*[=+\-@＝＋－＠]/.test(cell) && guard(cell) !== cell)).toEqual([]);
}

/** Takes a file the whole way, and holds that to the time that it may hold the loop. */
async function held(file: Buffer, quotes: 'lines' | 'cells' = 'lines'): Promise<Walked | null> {
  let companyId = '';
  let ended: Ended | null = null;
  signal.throwIfAborted();
  const measured = heldMs(async () => {
    companyId = randomUUID();
    ended = await walk(file, companyId, quotes);
  });
  underWay = measured;
  expect(await measured).toBeLessThan(MOST_HELD_MS);
  noteFiles();
  return checked(ended, companyId);
}

async function checked(ended: Ended | null, companyId: string): Promise<Walked | null> {
  if (ended === null) {
    await expectNothing(companyId);
    return null;
  }
  expectWithoutFormula(ended.refused);
  return { view: ended.view, rows: await accounted(ended.view) };
}

const bytesOf = (text: string) => Buffer.from(text, 'latin1');

test(
  'every file is imported or refused, row by row or whole',
  async () => {
    const ends = new Set<string>();
    await fc.assert(
      fc.asyncProperty(csv, async (text) => {
        const walked = await held(bytesOf(text));
        ends.add(walked?.view.failure?.code ?? walked?.view.status ?? 'not taken');
      }),
      { numRuns: FILES },
    );
    expect([...ends]).toContain('completed');
    expect(ends.size).toBeGreaterThan(1);
  },
  MOST_MS,
);

/** Text alone, and no longer than a lead's name: anything else refuses the row or the file. */
const cell = fc.oneof(
  hostileText.map((text) => text.replaceAll('\0', '').slice(0, 190).toWellFormed()),
  fc.constantFrom('=1+1', '+cmd|calc', '-2', '@SUM(1)', '＝1', "'=1", 'a,b', 'say "x"', '"', 'one\ntwo\r\nthree'),
);
/** A row of the file, by its number: the first row of one that comes again is a lead, the others are its duplicates. */
const row = fc.oneof(
  { weight: 6, arbitrary: fc.record({ phone: fc.constant('new'), cells: fc.array(cell, { maxLength: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ phone: fc.constant('wrong'), cells: fc.array(cell, { maxLength: 2 }) }) },
  { weight: 1, arbitrary: fc.constant({ phone: 'again', cells: [] }) },
  { weight: 1, arbitrary: fc.constant({ phone: 'none', cells: ['', '  '] }) },
);
const WIDTH = 3;

test(
  'each row of a table is imported or refused as it has to be, once, whatever stands in its cells',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 1, maxLength: 30 }),
        fc.constantFrom('\n', '\r\n', '\r'),
        async (rows, end) => {
          const phoneOf = (phone: string, n: number) =>
            ({ new: `05010${String(n).padStart(5, '0')}`, wrong: '1', again: '0501099999', none: '' })[phone] ?? '';
          const lines = rows.map(({ phone, cells }, n) => [phoneOf(phone, n), ...cells].map(quoted).join(','));
          const firstAgain = rows.findIndex(({ phone }) => phone === 'again');
          const expected = rows.flatMap(({ phone, cells }, n) => {
            if (phone === 'none') return []; // a blank row
            if (phone === 'again') return [{ row: n + 2, outcome: n === firstAgain ? 'created' : 'duplicate' }];
            const isTooWide = cells.slice(WIDTH - 1).some((text) => text.trim() !== '');
            return [{ row: n + 2, outcome: phone === 'wrong' || isTooWide ? 'error' : 'created' }];
          });
          const file = ['phone,name,notes', ...lines].join(end);
          const walked = await held(Buffer.from(file), 'cells');
          expect(walked?.rows).toEqual(expected);
        },
      ),
      { numRuns: TABLES },
    );
  },
  MOST_MS,
);

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

describe('a large file of', () => {
  const names = isByCommand ? Object.keys(LARGE_FILES) : LARGE_IN_CI;
  test.each(names)(
    '%s',
    async (name) => {
      const file = bytesOf(LARGE_FILES[name]?.(LARGE) ?? '');
      expect(file.length).toBeGreaterThan(1_000);
      const kept = await mostKeptBytes(() => held(file), MOST_KEPT_BYTES);
      expect(kept).toBeLessThan(MOST_KEPT_BYTES);
    },
    MOST_MS,
  );
});
