/** Uploads: stored and enqueued or neither, in parts in any order, repeated at will. */
import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cancelImport } from '../../lib/imports/cancel.ts';
import { finishUpload, MAX_FILE_BYTES, openUpload, storePart } from '../../lib/imports/parts.ts';
import { uploadFile } from '../../lib/imports/upload.ts';
import { atOnce } from '../support/at-once.ts';
import { leadImports } from './lead-imports.ts';

let imports: Awaited<ReturnType<typeof leadImports>>;
beforeAll(async () => {
  imports = await leadImports();
});
afterAll(() => imports.close());

const upload = (importId: string, companyId = 'acme') => ({
  importId,
  companyId,
  createCompany: true,
  fileName: 'leads.csv',
  country: null,
  delimiter: null,
});

const jobsOf = (importId: string) =>
  imports.rows<{ id: string; payload: object; max_attempts: number }>(
    "select id::text as id, payload, max_attempts from jobqueue.jobs where idempotency_key = 'lead_import:' || $1",
    importId,
  );

const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('in one request', () => {
  test('is stored and enqueued together', async () => {
    const importId = randomUUID();
    const { jobId } = await uploadFile(imports.database, upload(importId), Buffer.from('Phone\n0501111111\n'));
    expect(await jobsOf(importId)).toEqual([{ id: jobId, payload: { companyId: 'acme', importId }, max_attempts: 5 }]);
    await imports.runToEnd(importId);
    expect(await imports.status(importId)).toMatchObject({ status: 'completed', jobId, fileName: 'leads.csv' });
  });

  test.each([true, false])(
    'repeated ten times at once it is one upload and one job, createCompany %s',
    async (createCompany) => {
      const importId = randomUUID();
      const bytes = Buffer.from('Phone\n0501111111\n');
      await imports.rows(
        "insert into companies (id, name) select 'there', 'There' where not $1::boolean",
        createCompany,
      );
      const given = { ...upload(importId, createCompany ? 'fresh' : 'there'), createCompany };
      const answers = await Promise.all(Array.from({ length: 10 }, () => uploadFile(imports.database, given, bytes)));
      expect(new Set(answers.map(({ jobId }) => jobId)).size).toBe(1);
      expect(await jobsOf(importId)).toHaveLength(1);
    },
  );

  test('under an id that stands for another file or company, it is refused', async () => {
    const importId = randomUUID();
    await uploadFile(imports.database, upload(importId), Buffer.from('Phone\n1\n'));
    const refused = { status: 409, code: 'choices_differ' };
    await expect(uploadFile(imports.database, upload(importId), Buffer.from('Phone\n2\n'))).rejects.toMatchObject(
      refused,
    );
    await expect(
      uploadFile(imports.database, upload(importId, 'other'), Buffer.from('Phone\n1\n')),
    ).rejects.toMatchObject(refused);
    expect(await jobsOf(importId)).toHaveLength(1);
  });

  test('for a company that nobody made leaves no job behind', async () => {
    const importId = randomUUID();
    const refused = uploadFile(
      imports.database,
      { ...upload(importId, 'nobody'), createCompany: false },
      Buffer.from('Phone\n'),
    );
    await expect(refused).rejects.toMatchObject({ status: 404, code: 'company_unknown' });
    expect(await jobsOf(importId)).toEqual([]);
  });

  test('of a new company dials from its default country', async () => {
    const importId = randomUUID();
    await uploadFile(imports.database, upload(importId, 'brand-new'), Buffer.from('Phone\n0501111111\n'));
    await imports.runToEnd(importId);
    expect(await imports.rows("select phone_e164 as phone from leads where company_id = 'brand-new'")).toEqual([
      { phone: '+971501111111' },
    ]);
  });
});

describe('in parts', () => {
  const file = Buffer.from(
    `Phone,Name\n${Array.from({ length: 3_000 }, (_, n) => `050${1_000_000 + n},Lead é${n}`).join('\n')}`,
  );
  const size = 7_001; // cuts rows and characters
  const parts = Array.from({ length: Math.ceil(file.length / size) }, (_, n) =>
    file.subarray(n * size, (n + 1) * size),
  );
  const whole = { size: file.length, sha256: hash(file) };

  async function opened(companyId: string = randomUUID()) {
    const importId = randomUUID();
    await openUpload(imports.database, upload(importId, companyId));
    return importId;
  }
  const send = (importId: string, n: number, bytes = parts[n - 1] ?? Buffer.alloc(0)) =>
    storePart(imports.database, { importId, part: n }, bytes);
  const all = (importId: string) => Promise.all(parts.map((_, n) => send(importId, parts.length - n)));

  test('in any order and repeated, it becomes the file', async () => {
    const importId = await opened();
    await all(importId);
    await send(importId, 3);
    expect(await imports.status(importId)).toMatchObject({ status: 'pending', progress: { totalBytes: null } });
    expect(await jobsOf(importId)).toEqual([]);
    const { jobId } = await finishUpload(imports.database, importId, whole);
    expect(await finishUpload(imports.database, importId, whole)).toEqual({ importId, jobId });
    expect(await jobsOf(importId)).toHaveLength(1);
    await send(importId, 3); // a repeated request that was under way
    await imports.runToEnd(importId);
    expect(await imports.status(importId)).toMatchObject({
      status: 'completed',
      counts: { created: 3_000, errors: 0 },
    });
  });

  test('a part sent again replaces the first', async () => {
    const importId = await opened();
    await send(importId, 1, Buffer.from('wrong'));
    await all(importId);
    await finishUpload(imports.database, importId, whole);
    await imports.runToEnd(importId);
    expect(await imports.status(importId)).toMatchObject({ status: 'completed', counts: { created: 3_000 } });
  });

  test('eight clients that finish at once get one job', async () => {
    const importId = await opened();
    await all(importId);
    const answers = await Promise.all(Array.from({ length: 8 }, () => finishUpload(imports.database, importId, whole)));
    expect(new Set(answers.map(({ jobId }) => jobId)).size).toBe(1);
    expect(await jobsOf(importId)).toHaveLength(1);
  });

  test('is not finished while a part is missing, short or damaged', async () => {
    const importId = await opened();
    const finish = (expected = whole) => finishUpload(imports.database, importId, expected);
    await expect(finish()).rejects.toMatchObject({
      status: 409,
      message: expect.stringContaining('at least one part'),
    });
    await send(importId, 1);
    await send(importId, 3);
    await expect(finish()).rejects.toMatchObject({
      code: 'upload_incomplete',
      message: expect.stringContaining('1 to 3'),
    });
    await all(importId);
    await expect(finish({ ...whole, size: whole.size + 1 })).rejects.toMatchObject({ code: 'upload_incomplete' });
    await expect(finish({ ...whole, sha256: hash(Buffer.from('')) })).rejects.toMatchObject({ code: 'upload_damaged' });
    expect(await jobsOf(importId)).toEqual([]);
    await expect(imports.run(importId)).rejects.toThrow('not finished');
    await finish();
  });

  test('takes no other part once it is finished', async () => {
    const importId = await opened();
    await all(importId);
    await finishUpload(imports.database, importId, whole);
    await expect(send(importId, 1, Buffer.from('late'))).rejects.toMatchObject({
      status: 409,
      code: 'upload_finished',
    });
  });

  test('a part that was replaced while the file was being hashed leaves the upload open', async () => {
    const importId = await opened();
    await all(importId);
    const { database } = imports;
    const [, finished] = await atOnce(
      database,
      ({ execute }) => storePart({ ...database, execute }, { importId, part: 1 }, Buffer.from('other')),
      () => finishUpload(database, importId, whole).catch((error: unknown) => error),
    );
    expect(finished).toMatchObject({ status: 409 });
    expect(await jobsOf(importId)).toEqual([]);
  });

  test('cancelled half-way it leaves nothing behind, and takes nothing more', async () => {
    const importId = await opened();
    await send(importId, 1);
    await cancelImport(imports.database, importId);
    expect(await imports.rows('select from import_parts where import_id = $1', importId)).toEqual([]);
    await expect(send(importId, 2)).rejects.toMatchObject({ status: 409 });
    await expect(finishUpload(imports.database, importId, whole)).rejects.toMatchObject({ status: 409 });
    expect(await imports.status(importId)).toMatchObject({ status: 'cancelled' });
  });

  test('above 50 MiB it is refused before it is stored', async () => {
    const importId = await opened();
    await imports.rows(
      "insert into import_parts (import_id, part, size_bytes, sha256, data) select $1, 1, $2::int, '', decode(repeat('00', $2::int), 'hex')",
      importId,
      MAX_FILE_BYTES - 10,
    );
    await send(importId, 2, Buffer.alloc(10));
    await expect(send(importId, 3, Buffer.alloc(1))).rejects.toMatchObject({ status: 413 });
  });

  test('an upload that nobody opened is unknown; one company cannot reach into another', async () => {
    await expect(send(randomUUID(), 1)).rejects.toMatchObject({ status: 404 });
    const importId = await opened('acme');
    await expect(openUpload(imports.database, upload(importId, 'other'))).rejects.toMatchObject({ status: 409 });
    await expect(finishUpload(imports.database, randomUUID(), whole)).rejects.toMatchObject({ status: 404 });
  });
});
