/** Files in any encoding: what is certain is read, what is not is asked about, and no byte of it is lost on the way. */
import iconv from 'iconv-lite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { confirmImport } from '../../lib/imports/confirm.ts';
import { type Encoding, suggestEncoding, unmarkedUtf16 } from '../../lib/imports/lead-import/encoding.ts';
import { transcode } from '../../lib/imports/lead-import/transcode.ts';
import type { Database } from '../../packages/jobqueue/src/postgres/connect.ts';
import fc from '../support/property.ts';
import { leadImports, readImported } from './lead-imports.ts';

let imports: Awaited<ReturnType<typeof leadImports>>;
beforeAll(async () => {
  imports = await leadImports();
});
afterAll(() => imports.close());

const read = (importId: string) => readImported(imports.database, importId);

const PEOPLE: Partial<Record<Encoding, readonly string[]>> = {
  'windows-1251': ['Иван Петров', 'Ольга Сидорова', 'Пётр Ильич'],
  'windows-1252': ['José Núñez', 'François Lefèvre – “VIP”', 'Jürgen Müller'],
  'windows-1256': ['محمد علي', 'فاطمة الزهراء', 'أحمد بن سعيد'],
  'koi8-r': ['Иван Петров', 'Ольга Сидорова', 'Пётр Ильич'],
  'utf-16le': ['محمد علي', 'Иван 😀', 'Ali'],
  'utf-16be': ['محمد علي', 'Иван 😀', 'Ali'],
};

function csvOf(names: readonly string[]): string {
  return `Name;Phone\r\n${names.map((name, n) => `${name};05011111${10 + n}\r\n`).join('')}`;
}

describe('an upload that does not say what it is', () => {
  test.each(Object.entries(PEOPLE))(
    'in %s waits with the right suggestion, and is imported once it is confirmed',
    async (encoding, names) => {
      const { importId, view, leads } = await imports.imported(iconv.encode(csvOf(names), encoding));
      expect(view).toMatchObject({
        status: 'waiting',
        failure: null,
        question: { code: 'encoding', suggested: encoding, message: expect.stringContaining('confirm an encoding') },
      });
      expect(leads).toEqual([]);
      await confirmImport(imports.database, importId, { encoding: encoding as Encoding });
      await imports.runToEnd(importId);
      const after = await read(importId);
      expect(after.view).toMatchObject({ status: 'completed', encoding, counts: { created: 3, errors: 0 } });
      expect(after.leads.map(({ name }) => name)).toEqual(names);
    },
  );

  test('a suggestion may be wrong, and another encoding is confirmed instead', async () => {
    const names = ['Şükrü Çağlar', 'İbrahim Öztürk', 'Ayşe Yılmaz']; // taken for ISO 8859-2
    const { importId, view } = await imports.imported(iconv.encode(csvOf(names), 'windows-1254'));
    expect(view).toMatchObject({ status: 'waiting', question: { suggested: expect.not.stringContaining('1254') } });
    await confirmImport(imports.database, importId, { encoding: 'windows-1254' });
    await imports.runToEnd(importId);
    expect((await read(importId)).leads.map(({ name }) => name)).toEqual(names);
  });

  test('names the first line that is not UTF-8, also far into the file', async () => {
    const ascii = Array.from({ length: 20_000 }, (_, n) => `050${1_000_000 + n},Lead ${n}\n`).join('');
    const file = Buffer.concat([
      Buffer.from(`Phone,Name\n${ascii}`),
      iconv.encode('0509999999,Jürgen Müß\n', 'windows-1252'),
    ]);
    const { view, leads } = await imports.imported(file);
    expect(view).toMatchObject({ status: 'waiting', question: { line: 20_002, suggested: 'windows-1252' } });
    expect(leads).toEqual([]);
  });

  test('one cut character at the end of UTF-8 is asked about and not imported around', async () => {
    const { view } = await imports.imported(Buffer.from('Phone,Name\n0501111111,é').subarray(0, -1));
    expect(view).toMatchObject({ status: 'waiting', question: { code: 'encoding', line: 2 } });
  });
});

describe('a suggestion that is confirmed as it is', () => {
  const marked = iconv.encode(csvOf(['Ali 😀']), 'utf-16le', { addBOM: true });
  test.each([
    ['bytes that windows-1252 does not have', Buffer.from('Phone,Name\n0501111111,\x8f\x01\n', 'latin1'), 'completed'],
    [
      'such bytes far behind the head',
      Buffer.from(`Phone,Name\n${`0501111111,${'Jürgen Müller '.repeat(20)}\n`.repeat(240)}1,\x8f\n`, 'latin1'),
      'completed',
    ],
    [
      'two places, each of which the encoding suggested for the other does not have',
      Buffer.from('Phone,Name\n1,\x82\n1,\x90A', 'latin1'),
      'completed',
    ],
    ['UTF-16 with half a pair', Buffer.concat([marked, Buffer.from([0x3d, 0xd8])]), 'failed'],
    ['UTF-16 with half a pair and no mark', Buffer.concat([marked.subarray(2), Buffer.from([0x3d, 0xd8])]), 'failed'],
    ['UTF-16 with half a unit', marked.subarray(0, -1), 'failed'],
  ])('ends the questions: %s', async (_, file, status) => {
    const { importId } = await imports.imported(file);
    const confirmed: string[] = [];
    for (;;) {
      const { question } = (await read(importId)).view;
      if (question?.code !== 'encoding') break;
      expect(confirmed).not.toContain(question.suggested);
      confirmed.push(question.suggested);
      await confirmImport(imports.database, importId, { encoding: question.suggested });
      await imports.runToEnd(importId);
    }
    expect(confirmed.length).toBeGreaterThan(0);
    expect((await read(importId)).view.status).toBe(status);
  });
});

describe('what is certain', () => {
  test.each(['utf-16le', 'utf-16be', 'utf8'] as const)('a byte order mark of %s asks nobody', async (encoding) => {
    const file = iconv.encode(csvOf(['محمد علي', 'Ali 😀']), encoding, { addBOM: true });
    const { view, leads } = await imports.imported(file);
    expect(view).toMatchObject({ status: 'completed', counts: { created: 2, errors: 0 }, progress: { percent: 100 } });
    expect(leads.map(({ name }) => name)).toEqual(['محمد علي', 'Ali 😀']);
  });

  test('what the uploader says, with the upload', async () => {
    const { view, leads } = await imports.imported(iconv.encode(csvOf(['Łukasz Żółć']), 'windows-1250'), {
      encoding: 'windows-1250',
    });
    expect(view).toMatchObject({ status: 'completed', encoding: 'windows-1250' });
    expect(leads).toMatchObject([{ name: 'Łukasz Żółć' }]);
  });

  test('bytes that mean nothing in the encoding that was said are asked about, and another answer is taken', async () => {
    const file = iconv.encode(csvOf(['Jürgen', 'Ěva Ťapková']), 'windows-1250'); // 8D, which windows-1252 does not have
    const { importId, view } = await imports.imported(file, { encoding: 'windows-1252' });
    expect(view).toMatchObject({ status: 'waiting', question: { code: 'encoding' } });
    await confirmImport(imports.database, importId, { encoding: 'windows-1250' });
    await imports.runToEnd(importId);
    expect((await read(importId)).leads.map(({ name }) => name)).toEqual(['Jürgen', 'Ěva Ťapková']);
  });

  test.each([
    ['half a unit at the end', (file: Buffer) => file.subarray(0, -1)],
    ['half a pair', (file: Buffer) => Buffer.concat([file, Buffer.from([0x3d, 0xd8])])],
  ])('UTF-16 with %s is not imported', async (_, damage) => {
    const { view } = await imports.imported(damage(iconv.encode(csvOf(['Ali']), 'utf-16le', { addBOM: true })));
    expect(view).toMatchObject({ status: 'waiting', question: { code: 'encoding' } });
  });

  test('a spreadsheet stays a spreadsheet, whatever encoding is named; NUL bytes in UTF-8 stay no text', async () => {
    const workbook = await imports.imported(Buffer.from('PK\x03\x04\x14\x00\x06\x00', 'latin1'), {
      encoding: 'windows-1252',
    });
    expect(workbook.view).toMatchObject({ status: 'failed', failure: { code: 'file_is_spreadsheet' } });
    const binary = await imports.imported('Phone,Name\n0501111111,Ali\n0502222222,O\0mar\n');
    expect(binary.view).toMatchObject({ status: 'failed', failure: { code: 'binary_content', line: 3 } });
  });

  test('once an import has ended neither its file nor its text is kept', async () => {
    const { importId } = await imports.imported(iconv.encode(csvOf(['Ali']), 'utf-16le', { addBOM: true }));
    expect(await imports.rows('select from import_parts where import_id = $1', importId)).toEqual([]);
    expect(await imports.rows('select from import_texts where import_id = $1', importId)).toEqual([]);
  });
});

test('headers and numbers around a few foreign names do not speak for Western Europe', () => {
  const file = `Name;Phone;Email\n${'Ali Hassan;0501234567;ali.hassan@example.com\n'.repeat(200)}Ольга Сидорова;1;o@x.com\nИван Петров;2;i@x.com\n`;
  expect(suggestEncoding(iconv.encode(file, 'windows-1251'))).toMatchObject({ encoding: 'windows-1251' });
});

test('a NUL byte does not make UTF-16 of UTF-8', () => {
  expect(unmarkedUtf16(Buffer.from('Phone,Name\n0501111111,O\0mar\n'))).toBeNull();
  expect(unmarkedUtf16(iconv.encode(csvOf(['محمد علي']), 'utf-16le'))).toBe('utf-16le');
  expect(unmarkedUtf16(iconv.encode(csvOf(['محمد علي']), 'utf-16be'))).toBe('utf-16be');
});

describe('made into UTF-8', () => {
  async function* chunked(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  async function pieces(bytes: Buffer, encoding: Encoding, size: number, from = 0) {
    const found: { fromOffset: number; toOffset: number; text: string }[] = [];
    for await (const { text, ...offsets } of transcode(chunked(bytes.subarray(from), size), encoding, from))
      found.push({ ...offsets, text: text.toString() });
    return found;
  }

  /** Characters that each encoding has, with line ends of every kind. */
  const ALPHABETS: Partial<Record<Encoding, string>> = {
    'windows-1251': 'абвЯё№ ,;"x1\r\n',
    'windows-1252': 'éüß€“ ,;"x1\r\n',
    'windows-1256': 'محمدعلي ,;"x1\r\n',
    'utf-16le': 'aéمЯ😀ਊഊ\u0a0d ,;"\r\n',
    'utf-16be': 'aéمЯ😀ਊഊ\u0a0d ,;"\r\n',
    shift_jis: '山田太郎ソ表 ,;"x1\r\n',
    gb18030: '王小明😀 ,;"x1\r\n',
    big5: '王小明許功蓋 ,;"x1\r\n',
    'euc-kr': '김철수 ,;"x1\r\n',
  };

  test.each(Object.entries(ALPHABETS))(
    '%s: however it is chunked, and from the end of every piece on, it is the same text',
    async (name, alphabet) => {
      const encoding = name as Encoding;
      const text = fc
        .array(fc.constantFrom(...Array.from(alphabet)), { maxLength: 120 })
        .map((parts) => parts.join(''));
      await fc.assert(
        fc.asyncProperty(text, fc.integer({ min: 1, max: 40 }), async (written, size) => {
          const bytes = iconv.encode(written, encoding);
          const whole = await pieces(bytes, encoding, size);
          expect(whole.map((piece) => piece.text).join('')).toBe(written);
          expect(whole.at(-1)?.toOffset ?? 0).toBe(bytes.length);
          for (const [n, { toOffset }] of whole.entries()) {
            const rest = await pieces(bytes, encoding, size, toOffset);
            expect(rest.map((piece) => piece.text).join('')).toBe(
              whole
                .slice(n + 1)
                .map((piece) => piece.text)
                .join(''),
            );
          }
        }),
        { numRuns: 60 },
      );
    },
  );
});

describe('a run that dies while it makes the text', () => {
  class Killed extends Error {}

  /** Dies at every second piece, before it was sent or after it arrived. */
  function dying(database: Database, moment: 'before' | 'after'): Database {
    let stores = 0;
    return {
      ...database,
      async execute(statement, options) {
        const dies = /insert into import_texts/.test(statement.text) && ++stores === 2;
        if (dies && moment === 'before') throw new Killed();
        const rows = await database.execute<never>(statement, options);
        if (dies) throw new Killed();
        return rows;
      },
    };
  }

  test.each([
    ['windows-1251', 'before'],
    ['windows-1251', 'after'],
    ['utf-16le', 'before'],
    ['utf-16be', 'after'],
  ] as const)('%s, %s each second piece: the text is whole, and so are the leads', async (encoding, moment) => {
    const rows = Array.from(
      { length: 12_000 },
      (_, n) => `050${1_000_000 + n};"Ольга, № ${n}\nСидорова";${'ж'.repeat(60)}`,
    );
    const file = iconv.encode(`Phone;Name;Other\r\n${rows.join('\r\n')}`, encoding);
    const importId = await imports.upload(file, { encoding, companyId: `dying-${encoding}-${moment}` });
    let deaths = 0;
    for (let ended = false; !ended; ) {
      const outcome = await imports.run(importId, {}, dying(imports.database, moment)).catch((error: unknown) => error);
      ended = !(outcome instanceof Killed);
      if (!ended) deaths++;
    }
    expect(deaths).toBeGreaterThan(1);
    const { view, leads } = await read(importId);
    expect(view).toMatchObject({
      status: 'completed',
      counts: { rows: 12_000, created: 12_000 },
      progress: { percent: 100 },
    });
    expect(leads.map(({ name }) => name)).toEqual(rows.map((_, n) => `Ольга, № ${n} Сидорова`));
  });

  test('two runs at once make one text', async () => {
    const rows = Array.from({ length: 9_000 }, (_, n) => `050${1_000_000 + n};Ольга ${n} ${'ж'.repeat(60)}`);
    const file = iconv.encode(`Phone;Name\n${rows.join('\n')}\n`, 'windows-1251');
    const importId = await imports.upload(file, { encoding: 'windows-1251', companyId: 'twice' });
    await Promise.all([imports.runToEnd(importId), imports.runToEnd(importId)]);
    expect((await read(importId)).view).toMatchObject({ status: 'completed', counts: { rows: 9_000, created: 9_000 } });
  });
});
