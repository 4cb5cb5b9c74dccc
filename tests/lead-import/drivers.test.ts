/** The import over every driver: no transaction, no session, one statement at a time. */
import { createHash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import iconv from 'iconv-lite';
import { expect, test } from 'vitest';
import { confirmImport } from '../../lib/imports/confirm.ts';
import { errorFile } from '../../lib/imports/error-file.ts';
import { keptFile } from '../../lib/imports/kept-file.ts';
import { finishUpload, openUpload, storePart } from '../../lib/imports/parts.ts';
import { pauseImport, resumeImport } from '../../lib/imports/pause.ts';
import { previewImport } from '../../lib/imports/preview.ts';
import { undoImport } from '../../lib/imports/undo.ts';
import { describeEachDriver } from '../support/drivers.ts';
import { leadImportsOn } from './lead-imports.ts';

describeEachDriver('lead imports', (setup) => {
  test('leads-100.csv, once in peace and once with a deadline after every slice', async () => {
    const imports = leadImportsOn(setup.database);
    const csv = await readFile('fixtures/leads-100.csv');
    const importId = await imports.upload(csv, { country: 'US', companyId: 'us' });
    await imports.runToEnd(importId);
    expect(await imports.status(importId)).toMatchObject({
      status: 'completed',
      progress: { doneBytes: csv.length, totalBytes: csv.length, percent: 100 },
      counts: { rows: 100, created: 79, errors: 21 },
    });
    const again = await imports.upload(csv, { country: 'US', companyId: 'us' });
    await imports.runToEnd(again, () => ({ deadline: new Date() }));
    expect(await imports.status(again)).toMatchObject({ counts: { unchanged: 79, errors: 21 } });
    const errors = await new Response(await errorFile(setup.database, again)).text();
    expect(errors.trim().split('\r\n')).toHaveLength(22);
  });

  test('another encoding, asked about, previewed, dry and then for real, paused, and taken back', async () => {
    const imports = leadImportsOn(setup.database);
    const companyId = 'complete';
    const names = Array.from({ length: 1_100 }, (_, n) => `Ольга ${n}`);
    const file = iconv.encode(
      `Имя;Phone\n${names.map((name, n) => `${name};050${1_000_000 + n}\n`).join('')}`,
      'windows-1251',
    );
    const options = { columns: { Имя: 'name' }, tags: ['fair'] } as const;

    const asked = await imports.imported(file, { companyId });
    expect(asked.view).toMatchObject({ status: 'waiting', question: { suggested: 'windows-1251' } });
    const preview = await previewImport(setup.database, asked.importId, { options: { ...options, tags: ['fair'] } });
    expect(preview?.rows[0]).toMatchObject({ outcome: 'created', lead: { name: 'Ольга 0', tags: ['fair'] } });
    await confirmImport(setup.database, asked.importId, {
      encoding: 'windows-1251',
      dryRun: true,
      options: { ...options, tags: ['fair'], saveMapping: 'partner' },
    });
    await imports.runToEnd(asked.importId);
    expect(await imports.status(asked.importId)).toMatchObject({ status: 'completed', counts: { created: 1_100 } });

    const real = await imports.upload(file, { companyId, encoding: 'windows-1251', options: { tags: ['fair'] } });
    await imports.run(real, { checkpoint: () => pauseImport(setup.database, real) });
    expect(await imports.status(real)).toMatchObject({ status: 'paused', counts: { created: 0 } });
    await resumeImport(setup.database, real);
    await imports.runToEnd(real);
    expect(await imports.status(real)).toMatchObject({
      status: 'completed',
      mapping: 'partner',
      counts: { created: 1_100, updated: 0 },
    });
    const updated = await imports.imported('Phone,Tags\n0501000000,fair\n0501000001,new\n', { companyId });
    expect(updated.outcomes).toEqual(['2 unchanged', '3 updated']);

    await undoImport(setup.database, real);
    await imports.undo(real, () => ({ deadline: new Date() }));
    expect(await imports.status(real)).toMatchObject({
      status: 'undone',
      undo: { removed: 1_099, kept: { changed: 1 } },
    });
    expect(await new Response(await keptFile(setup.database, real)).text()).toContain('+971501000001,changed');
  });

  test('4 MiB parts arrive byte for byte', async () => {
    const imports = leadImportsOn(setup.database);
    const rows = Array.from({ length: 20 }, (_, n) => `050${1_000_000 + n},${'é'.repeat(2_000)}\n`);
    const file = Buffer.from(`Phone,Notes\n${rows.join('')}${'\n'.repeat(5 * 1024 * 1024)}`);
    const importId = randomUUID();
    const open = { importId, companyId: 'acme', createCompany: true, fileName: null, country: null, delimiter: ';' };
    await openUpload(setup.database, open);
    const cut = 4 * 1024 * 1024;
    await storePart(setup.database, { importId, part: 1 }, file.subarray(0, cut));
    await storePart(setup.database, { importId, part: 2 }, file.subarray(cut));
    const sha256 = createHash('sha256').update(file).digest('hex');
    const { jobId } = await finishUpload(setup.database, importId, { size: file.length, sha256 });
    expect(jobId).toMatch(/^\d+$/);
    expect(await imports.status(importId)).toMatchObject({ status: 'pending', progress: { totalBytes: file.length } });
  });
});
