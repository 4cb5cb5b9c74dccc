/** The import over every driver: no transaction, no session, one statement at a time. */
import { createHash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { errorFile } from '../../lib/imports/error-file.ts';
import { finishUpload, openUpload, storePart } from '../../lib/imports/parts.ts';
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
      counts: { rows: 100, created: 59, errors: 41 },
    });
    const again = await imports.upload(csv, { country: 'US', companyId: 'us' });
    await imports.runToEnd(again, () => ({ deadline: new Date() }));
    expect(await imports.status(again)).toMatchObject({ counts: { unchanged: 59, errors: 41 } });
    const errors = await new Response(await errorFile(setup.database, again)).text();
    expect(errors.trim().split('\r\n')).toHaveLength(42);
  });

  test('4 MiB parts arrive byte for byte', async () => {
    const imports = leadImportsOn(setup.database);
    const rows = Array.from({ length: 20 }, (_, n) => `050${1_000_000 + n},${'é'.repeat(2_000)}\n`);
    const file = Buffer.from(`Phone,Notes\n${rows.join('')}${'\n'.repeat(5 * 1024 * 1024)}`);
    const importId = randomUUID();
    await openUpload(setup.database, { importId, companyId: 'acme', fileName: null, country: null, delimiter: ';' });
    const cut = 4 * 1024 * 1024;
    await storePart(setup.database, { importId, part: 1 }, file.subarray(0, cut));
    await storePart(setup.database, { importId, part: 2 }, file.subarray(cut));
    const sha256 = createHash('sha256').update(file).digest('hex');
    const { jobId } = await finishUpload(setup.database, importId, { size: file.length, sha256 });
    expect(jobId).toMatch(/^\d+$/);
    expect(await imports.status(importId)).toMatchObject({ status: 'pending', progress: { totalBytes: file.length } });
  });
});
