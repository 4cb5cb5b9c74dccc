/** Killed, doubled, cancelled: whatever dies in between, an import ends as one that ran in peace. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cancelImport } from '../../lib/imports/cancel.ts';
import { isCancel, isContinue } from '../../packages/jobqueue/src/core/job.ts';
import type { Database } from '../../packages/jobqueue/src/postgres/connect.ts';
import { COMPANY, leadImports, type RunOptions } from './lead-imports.ts';

let imports: Awaited<ReturnType<typeof leadImports>>;
beforeAll(async () => {
  imports = await leadImports();
});
afterAll(() => imports.close());

/** New, known, repeated and refused rows, blank ones and quoted lines, in every slice. */
function mixedFile(rows: number): string {
  const lines = Array.from({ length: rows }, (_, n) => {
    if (n % 50 === 7) return '';
    if (n % 20 === 3)
      return `0501,"Too
short ${n}"`;
    if (n % 30 === 11) return `050${1_000_000 + n - 11},Repeated ${n}`;
    return `050${1_000_000 + n},"Lead ${n}, of ${rows}"`;
  });
  return `\ufeffMobile,Name\r\n${lines.join('\r\n')}\r\n`;
}

const ROWS = 6_000; // 12 slices
const FILE = mixedFile(ROWS);

/** All that an import leaves behind, told by what it means: ids and times differ from run to run. */
async function traces(importId: string, companyId: string) {
  const [{ counts, status, progress } = {}] = [await imports.status(importId).then((view) => view ?? undefined)];
  const rows = await imports.rows(
    'select row, outcome, phone_e164, code, message, cells from import_rows where import_id = $1 order by row',
    importId,
  );
  const leads = await imports.rows(
    'select phone_e164, name, updated_at = created_at as untouched from leads where company_id = $1 order by phone_e164',
    companyId,
  );
  return { counts, status, progress, rows, leads };
}

let companies = 0;

/** A company that already knows some of the file's leads, and the file. */
async function uploaded(): Promise<{ importId: string; companyId: string }> {
  const companyId = `company-${++companies}`;
  const known = await imports.upload('Phone,Name\n0501000000,Old name\n0501000100,"Lead 100, of 6000"\n', {
    companyId,
  });
  await imports.runToEnd(known);
  return { importId: await imports.upload(FILE, { companyId }), companyId };
}

let undisturbed: Awaited<ReturnType<typeof traces>>;
beforeAll(async () => {
  const { importId, companyId } = await uploaded();
  await imports.runToEnd(importId);
  undisturbed = await traces(importId, companyId);
  expect(undisturbed.counts).toEqual({
    rows: ROWS,
    created: ROWS - 120 - 300 - 200 - 2, // without the blank, refused, repeated and known ones
    updated: 1,
    unchanged: 1,
    duplicates: 200,
    skipped: 0,
    errors: 300,
    warnings: 0,
    optOuts: 0,
  });
});

/** Dies around the `n`th commit of a slice: before it was sent, or after it arrived and before its answer did. */
function dying(database: Database, n: number, moment: 'before' | 'after'): Database {
  let commits = 0;
  return {
    ...database,
    async execute(statement, options) {
      const dies = /insert into leads/.test(statement.text) && ++commits === n;
      if (dies && moment === 'before') throw new Killed();
      const rows = await database.execute<never>(statement, options);
      if (dies) throw new Killed();
      return rows;
    },
  };
}

class Killed extends Error {}

describe('a run that dies', () => {
  test.each([
    [1, 'before'],
    [1, 'after'],
    [5, 'before'],
    [5, 'after'],
    [12, 'before'],
    [12, 'after'],
  ] as const)('around its commit %i, %s it: the next run goes on', async (n, moment) => {
    const { importId, companyId } = await uploaded();
    await expect(imports.run(importId, {}, dying(imports.database, n, moment))).rejects.toThrow(Killed);
    await imports.runToEnd(importId);
    expect(await traces(importId, companyId)).toEqual(undisturbed);
  });

  test('again and again, at every second commit', async () => {
    const { importId, companyId } = await uploaded();
    let deaths = 0;
    for (let ended = false; !ended; ) {
      const outcome = await imports
        .run(importId, {}, dying(imports.database, 2, 'after'))
        .catch((error: unknown) => error);
      ended = !(outcome instanceof Killed);
      if (!ended) deaths++;
    }
    expect(deaths).toBe(6);
    expect(await traces(importId, companyId)).toEqual(undisturbed);
  });
});

test('three runs at once leave what one leaves', async () => {
  const { importId, companyId } = await uploaded();
  await Promise.all([imports.runToEnd(importId), imports.runToEnd(importId), imports.runToEnd(importId)]);
  expect(await traces(importId, companyId)).toEqual(undisturbed);
});

test('two imports of one company at once, over the same numbers in opposite order, do not block each other', async () => {
  const companyId = `company-${++companies}`;
  const lines = Array.from({ length: 3_000 }, (_, n) => `050${2_000_000 + n},Lead ${n}`);
  const ids = await Promise.all(
    [lines, lines.toReversed()].map((rows) => imports.upload(`Phone,Name\n${rows.join('\n')}\n`, { companyId })),
  );
  await Promise.all(ids.map((importId) => imports.runToEnd(importId)));
  const views = await Promise.all(ids.map((importId) => imports.status(importId)));
  expect(views.map((view) => view?.status)).toEqual(['completed', 'completed']);
  expect(sum(views, 'created')).toBe(3_000);
  expect(sum(views, 'unchanged')).toBe(3_000);
});

function sum(views: Awaited<ReturnType<typeof imports.status>>[], outcome: 'created' | 'unchanged'): number {
  return views.reduce((total, view) => total + (view?.counts[outcome] ?? 0), 0);
}

test('a run that outlived its lease stops at its next slice once the queue says so', async () => {
  const { importId } = await uploaded();
  const checkpoint = () => Promise.reject(new Error('no longer ours'));
  await expect(imports.run(importId, { checkpoint })).rejects.toThrow('no longer ours');
  expect(await imports.status(importId)).toMatchObject({ status: 'running' });
});

describe('a run whose time is up', () => {
  test('ends after the slice that it is in, and the next goes on behind it', async () => {
    const { importId, companyId } = await uploaded();
    const runs = await imports.runToEnd(importId, () => ({ deadline: new Date() }));
    expect(runs).toBeGreaterThanOrEqual(12);
    expect(await traces(importId, companyId)).toEqual(undisturbed);
  });

  test('ends on its signal without waiting for its deadline', async () => {
    const { importId, companyId } = await uploaded();
    const stop = new AbortController();
    const options: RunOptions = {
      signal: stop.signal,
      checkpoint: async () => stop.abort(),
    };
    expect(isContinue(await imports.run(importId, options))).toBe(true);
    const { counts } = await traces(importId, companyId);
    expect(counts?.created).toBeLessThan(1_500);
    await imports.runToEnd(importId);
    expect(await traces(importId, companyId)).toEqual(undisturbed);
  });
});

describe('cancel', () => {
  test('before its first run: nothing is imported and the job ends cancelled', async () => {
    const importId = await imports.upload('Phone\n0507777777\n');
    await cancelImport(imports.database, importId);
    expect(isCancel(await imports.run(importId))).toBe(true);
    expect(await imports.status(importId)).toMatchObject({ status: 'cancelled', counts: { created: 0 } });
    expect(await imports.rows('select from import_parts where import_id = $1', importId)).toEqual([]);
  });

  test('between two slices: what is in stays, nothing follows', async () => {
    const { importId } = await uploaded();
    const cancelled = await imports.run(importId, { checkpoint: () => cancelImport(imports.database, importId) });
    expect(isCancel(cancelled)).toBe(true);
    const view = await imports.status(importId);
    expect(view).toMatchObject({ status: 'cancelled' });
    expect(view?.counts.created).toBeGreaterThan(0);
    expect(view?.counts.created).toBeLessThan(5_378);
    expect(isCancel(await imports.run(importId))).toBe(true);
    expect(await imports.status(importId)).toEqual(view);
  });

  test('twice is once; an import that has ended stays as it is', async () => {
    const importId = await imports.upload('Phone\n0507777777\n', { companyId: COMPANY });
    await cancelImport(imports.database, importId);
    await cancelImport(imports.database, importId);
    const done = await imports.upload('Phone\n0507777777\n', { companyId: COMPANY });
    await imports.runToEnd(done);
    await expect(cancelImport(imports.database, done)).rejects.toMatchObject({ status: 409, code: 'import_ended' });
    await expect(cancelImport(imports.database, 'no-such-import')).rejects.toMatchObject({ status: 404 });
  });
});
