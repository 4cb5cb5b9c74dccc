/** Imports that wait for an answer or are paused: without a job, one answer counts, and not for ever. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cancelImport } from '../../lib/imports/cancel.ts';
import { confirmImport } from '../../lib/imports/confirm.ts';
import { beginImport } from '../../lib/imports/lead-import/begin.ts';
import { pauseImport, resumeImport } from '../../lib/imports/pause.ts';
import { previewImport } from '../../lib/imports/preview.ts';
import { isCancel } from '../../packages/jobqueue/src/core/job.ts';
import { atOnce } from '../support/at-once.ts';
import { leadImports, readImported } from './lead-imports.ts';

let imports: Awaited<ReturnType<typeof leadImports>>;
beforeAll(async () => {
  imports = await leadImports();
});
afterAll(() => imports.close());

const read = (importId: string) => readImported(imports.database, importId);

const jobsOf = (importId: string) =>
  imports.rows<{ id: string; key: string; is_due: boolean }>(
    `select id::text as id, idempotency_key as key, due_at <= now() as is_due
     from jobqueue.jobs where type = 'lead_import' and payload->>'importId' = $1 order by id`,
    importId,
  );

const bytesKept = async (importId: string) =>
  (await imports.rows('select from import_parts where import_id = $1', importId)).length > 0;

/** As if it had been held for eight days. */
const age = (importId: string) =>
  imports.rows("update imports set held_at = held_at - interval '8 days' where id = $1", importId);

describe('a preview', () => {
  const FILE = 'Phone,Name\n0501111111,Ali\n0502,Bad\n';

  test('stops before the first row is written, with the whole file checked', async () => {
    const { view, leads, outcomes } = await imports.imported(FILE, { options: { preview: true } });
    expect(view).toMatchObject({
      status: 'waiting',
      question: { code: 'preview' },
      counts: { rows: 2, created: 0 },
      columns: { phone: ['Phone'], name: ['Name'] },
    });
    expect([leads, outcomes]).toEqual([[], []]);
  });

  test('confirmed as it is, it is imported', async () => {
    const { importId } = await imports.imported(FILE, { options: { preview: true } });
    const { jobId } = await confirmImport(imports.database, importId, {});
    expect((await read(importId)).view).toMatchObject({ status: 'pending', jobId, question: null });
    await imports.runToEnd(importId);
    expect((await read(importId)).view).toMatchObject({ status: 'completed', counts: { created: 1, errors: 1 } });
  });

  test('confirmed with other choices, these count', async () => {
    const file = 'Name;Rückruf\nAli;050 111 1111\nOmar;020 7946 0018\n';
    const { importId } = await imports.imported(file, { options: { preview: true, tags: ['kept'] } });
    expect((await read(importId)).view).toMatchObject({ status: 'waiting', question: { code: 'columns' } });
    await confirmImport(imports.database, importId, {
      country: 'GB',
      dryRun: false,
      options: { columns: { Rückruf: 'phone' }, saveMapping: 'kontakte', mode: 'create_only' },
    });
    await imports.runToEnd(importId);
    const { view, leads } = await read(importId);
    expect(view).toMatchObject({ status: 'completed', mode: 'create_only', mapping: 'kontakte' });
    expect(leads).toMatchObject([{ phone: '+442079460018', name: 'Omar', tags: ['kept'] }]);
  });

  test('confirmed as a dry run, it writes no lead', async () => {
    const { importId } = await imports.imported(FILE, { options: { preview: true } });
    await confirmImport(imports.database, importId, { dryRun: true });
    await imports.runToEnd(importId);
    const { view, leads } = await read(importId);
    expect(view).toMatchObject({ status: 'completed', dryRun: true, counts: { created: 1 } });
    expect(leads).toEqual([]);
  });

  test('of another encoding is read again when that changes', async () => {
    const file = Buffer.from('Phone,Name\n0501111111,J\xfcrgen \xd6z\n', 'latin1');
    const { importId } = await imports.imported(file, { encoding: 'windows-1251', options: { preview: true } });
    expect((await read(importId)).view).toMatchObject({ status: 'waiting', question: { code: 'preview' } });
    await confirmImport(imports.database, importId, { encoding: 'windows-1252' });
    await imports.runToEnd(importId);
    expect((await read(importId)).leads).toMatchObject([{ name: 'Jürgen Öz' }]);
  });

  test('a file that nobody can read is refused without a question', async () => {
    const { view } = await imports.imported('Phone,"Name\n0501111111,Ali\n', { options: { preview: true } });
    expect(view).toMatchObject({ status: 'failed', failure: { code: 'quote_unbalanced' } });
  });
});

describe('a cell that goes on over lines that look like rows', () => {
  const note = (n: number) => (n === 10 ? '"urgent, call back' : n === 50 ? '"vip"' : 'x');
  const rows = Array.from({ length: 60 }, (_, n) => `050${1_000_000 + n},Lead ${n + 1},${note(n + 1)}`);
  const FILE = `Phone,Name,Notes\n${rows.join('\n')}\n`;

  test('is asked about, with both lines, and nobody is imported before', async () => {
    const { importId, view, leads } = await imports.imported(FILE);
    expect(view).toMatchObject({ status: 'waiting', question: { code: 'quotes', line: 11, lastLine: 51 } });
    expect(view.question?.message).toContain('at line 11 that goes on to line 51');
    expect(leads).toEqual([]);
    await expect(confirmImport(imports.database, importId, {})).rejects.toMatchObject({
      status: 400,
      code: 'quotes_missing',
    });
    const preview = await previewImport(imports.database, importId, {});
    expect(preview?.failure).toMatchObject({ code: 'rows_swallowed', line: 11 });
    const byLines = await previewImport(imports.database, importId, { options: { quotes: 'lines' } });
    expect(byLines).toMatchObject({ failure: null, options: { quotes: 'lines' } });
    expect(byLines?.rows[9]).toMatchObject({ row: 11, lead: { name: 'Lead 10', notes: 'urgent, call back' } });
  });

  test('is read as rows if they are rows, one by one, over runs that end between any two slices', async () => {
    const { importId } = await imports.imported(FILE);
    await confirmImport(imports.database, importId, { options: { quotes: 'lines' } });
    await imports.runToEnd(importId, () => ({ deadline: new Date() }));
    const { view, leads } = await read(importId);
    expect(view).toMatchObject({ status: 'completed', counts: { rows: 60, created: 60, errors: 0 } });
    expect([leads[9]?.notes, leads[10]?.notes, leads[49]?.notes]).toEqual(['urgent, call back', 'x', 'vip']);
  });

  test('stays a cell if that is what it is', async () => {
    const list = Array.from({ length: 12 }, (_, n) => `050${2_000_000 + n},Colleague ${n},x`).join('\n');
    const file = `Phone,Name,Notes\n0501111111,Ali,"my colleagues:\n${list}"\n0501111112,Omar,y\n`;
    const { importId, view } = await imports.imported(file);
    expect(view).toMatchObject({ status: 'waiting', question: { code: 'quotes', line: 2, lastLine: 14 } });
    await confirmImport(imports.database, importId, { options: { quotes: 'cells' } });
    await imports.runToEnd(importId);
    const { view: done, leads } = await read(importId);
    expect(done).toMatchObject({ status: 'completed', counts: { rows: 2, created: 2 } });
    expect(leads[0]?.notes).toContain('0502000011,Colleague 11,x');
  });

  test('is no question where it was said at the upload; a mark that nothing closes is left out then', async () => {
    const { view, leads } = await imports.imported(`${FILE}0502222222,Last,"no end`, { options: { quotes: 'lines' } });
    expect(view).toMatchObject({ status: 'completed', counts: { created: 61, errors: 0 } });
    expect(leads.at(-1)).toMatchObject({ name: 'Last', notes: 'no end' });
  });

  test('in the header is refused, because what rows mean depends on it', async () => {
    const file = 'Phone,"Name,Notes\n0501111111,Ali,x\n0501111112,Omar,"y"\n0501111113,Sara,z\n';
    for (const quotes of [undefined, 'lines'] as const) {
      const { view } = await imports.imported(file, quotes && { options: { quotes } });
      expect(view).toMatchObject({ status: 'failed', failure: { code: 'quote_unbalanced', line: 1 } });
    }
  });

  test('a note of many lines is none: it is imported as it is', async () => {
    const lines = Array.from(
      { length: 30 },
      (_, n) => `Villa ${n}, Street 4, Dubai; budget 1,500,000, call 0501234567`,
    );
    const { view, leads } = await imports.imported(`Name,Notes,Phone\nAli,"${lines.join('\n')}",0501111111\n`);
    expect(view).toMatchObject({ status: 'completed', counts: { created: 1 } });
    expect(leads[0]?.notes).toBe(lines.join('\n'));
  });
});

describe('the answer', () => {
  test('ten of them at once start one job', async () => {
    const { importId } = await imports.imported('Phone\n0501111111\n', { options: { preview: true } });
    const answers = await Promise.allSettled(
      Array.from({ length: 10 }, () => confirmImport(imports.database, importId, {})),
    );
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(answers.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { status: 409, code: 'not_waiting' },
    });
    expect((await jobsOf(importId)).filter(({ key }) => key.endsWith(':1'))).toHaveLength(1);
  });

  test('to the question for an encoding has to name one', async () => {
    const { importId } = await imports.imported(Buffer.from('Phone,Name\n0501111111,J\xfcrgen\n', 'latin1'));
    await expect(confirmImport(imports.database, importId, {})).rejects.toMatchObject({
      status: 400,
      code: 'encoding_missing',
    });
    expect((await read(importId)).view.status).toBe('waiting');
  });

  test('that comes to nothing: no question, no import', async () => {
    const { importId } = await imports.imported('Phone\n0501111111\n');
    await expect(confirmImport(imports.database, importId, {})).rejects.toMatchObject({
      status: 409,
      code: 'not_waiting',
    });
    await expect(confirmImport(imports.database, 'no-such-import', {})).rejects.toMatchObject({ status: 404 });
  });
});

describe('without an answer', () => {
  test('a job comes after a week, and ends the wait with the file', async () => {
    const { importId } = await imports.imported('Phone\n0501111111\n', { options: { preview: true } });
    expect(await jobsOf(importId)).toMatchObject([
      { is_due: true },
      { is_due: false, key: `lead_import:${importId}:held:0` },
    ]);
    expect(await imports.run(importId)).toEqual({ status: 'waiting' }); // too early changes nothing
    await age(importId);
    expect(isCancel(await imports.run(importId))).toBe(true);
    expect((await read(importId)).view.status).toBe('cancelled');
    expect(await bytesKept(importId)).toBe(false);
  });

  test('it can be cancelled, and leaves no bytes', async () => {
    const { importId } = await imports.imported(Buffer.from('Phone,Name\n1,J\xfcrgen\n', 'latin1'));
    await cancelImport(imports.database, importId);
    expect((await read(importId)).view).toMatchObject({ status: 'cancelled', question: null });
    expect(await bytesKept(importId)).toBe(false);
  });
});

describe('a pause', () => {
  const FILE = `Phone\n${Array.from({ length: 2_300 }, (_, n) => `050${1_000_000 + n}`).join('\n')}\n`;

  test('stops behind the slice that is under way; resumed it goes on there', async () => {
    const importId = await imports.upload(FILE, { companyId: 'paused' });
    const outcome = await imports.run(importId, { checkpoint: () => pauseImport(imports.database, importId) });
    expect(outcome).toEqual({ status: 'paused' });
    const { view } = await read(importId);
    expect(view.status).toBe('paused');
    expect(view.counts.created).toBeGreaterThan(0);
    expect(view.counts.created).toBeLessThan(2_300);
    const { jobId } = await resumeImport(imports.database, importId);
    expect((await read(importId)).view).toMatchObject({ status: 'running', jobId });
    await imports.runToEnd(importId);
    expect((await read(importId)).view).toMatchObject({
      status: 'completed',
      counts: { created: 2_300, duplicates: 0 },
    });
  });

  test('before the first run, twice, and ended by a cancel', async () => {
    const importId = await imports.upload(FILE, { companyId: 'paused-early' });
    await pauseImport(imports.database, importId);
    await pauseImport(imports.database, importId);
    expect(await imports.run(importId)).toEqual({ status: 'paused' });
    await cancelImport(imports.database, importId);
    expect(await bytesKept(importId)).toBe(false);
    await expect(resumeImport(imports.database, importId)).rejects.toMatchObject({ status: 409, code: 'not_paused' });
    await expect(pauseImport(imports.database, importId)).rejects.toMatchObject({ status: 409, code: 'not_under_way' });
  });

  test.each([
    ['pauses', pauseImport, 'paused'],
    ['cancels', cancelImport, 'cancelled'],
  ] as const)('of two who %s at once, both hear that it is', async (_, act, status) => {
    const importId = await imports.upload(FILE);
    const once = (executor: Executor) => act(executor, importId);
    await atOnce(imports.database, once, once);
    expect((await read(importId)).view.status).toBe(status);
  });

  test('a job that begins while an operator cancels finds it cancelled', async () => {
    const importId = await imports.upload(FILE, { companyId: 'cancelled-meanwhile' });
    const [, begun] = await atOnce(
      imports.database,
      (executor) => cancelImport(executor, importId),
      (executor) => beginImport(executor, { importId, companyId: 'cancelled-meanwhile', jobId: '1' }),
    );
    expect(begun).toEqual({ status: 'cancelled' });
  });

  test('is not for ever either', async () => {
    const importId = await imports.upload(FILE, { companyId: 'paused-long' });
    await pauseImport(imports.database, importId);
    await age(importId);
    expect(isCancel(await imports.run(importId))).toBe(true);
    expect(await bytesKept(importId)).toBe(false);
  });

  test('of nothing is refused', async () => {
    await expect(pauseImport(imports.database, 'no-such-import')).rejects.toMatchObject({ status: 404 });
    await expect(resumeImport(imports.database, 'no-such-import')).rejects.toMatchObject({ status: 404 });
  });
});

describe('the same file again', () => {
  const FILE = 'Phone,Name,Other\n0501111111,Ali,x\n';

  test('warns with the import that had it, also while that one runs', async () => {
    const companyId = 'repeats';
    const first = await imports.upload(FILE, { companyId });
    const second = await imports.imported(FILE, { companyId });
    expect(second.view.repeats).toBe(first);
    expect((await read(first)).view.repeats).toBeNull();
  });

  test.each<[string, Parameters<typeof imports.imported>[1]]>([
    ['with other columns', { options: { columns: { Other: 'notes' } } }],
    ['of another company', { companyId: 'another-one' }],
  ])('%s is another one', async (_, options) => {
    const first = await imports.imported(FILE);
    const { view } = await imports.imported(FILE, { companyId: first.companyId, ...options });
    expect(view).toMatchObject({ status: 'completed', repeats: null });
  });

  test('after a dry run, or after it was taken back, is the first', async () => {
    const { companyId, importId } = await imports.imported(FILE, { dryRun: true });
    const second = await imports.imported(FILE, { companyId });
    expect(second.view.repeats).toBeNull();
    await imports.rows("update imports set status = 'undone' where id = any($1::text[])", [importId, second.importId]);
    expect((await imports.imported(FILE, { companyId })).view.repeats).toBeNull();
  });
});
