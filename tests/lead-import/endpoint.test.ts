/** /api/imports through its front door: what clients send, get and are refused. */
import { createHash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { GET, POST } from '../../api/imports.ts';
import { database } from '../../db/client.ts';
import type { ImportView } from '../../lib/imports/status.ts';
import { beginImport } from '../../lib/jobs/lead-import/begin.ts';
import { queue } from '../../lib/queue/index.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

const KEY = 'a-key-of-the-test-0123456789';
const CSV = { 'content-type': 'text/csv' };

let fresh: TestDatabase;
beforeAll(async () => {
  fresh = await freshDatabase();
  vi.stubEnv('DATABASE_URL', fresh.url);
  vi.stubEnv('QUEUE_API_KEY', KEY);
});
afterAll(async () => {
  await database().close();
  await fresh.drop();
});

function request(method: string, query: string, body: BodyInit | null = null, headers: Record<string, string> = CSV) {
  return new Request(`http://app.test/api/imports?${query}`, {
    method,
    body,
    headers: { authorization: `Bearer ${KEY}`, ...headers },
  });
}

const post = (query: string, body: BodyInit | null = null, headers?: Record<string, string>) =>
  POST(request('POST', query, body, headers));
const get = (query: string) => GET(request('GET', query, null, {}));

const drain = () => queue.drain({ deadline: new Date(Date.now() + 20_000) });

async function viewOf(importId: string): Promise<ImportView> {
  return (await (await get(`id=${importId}`)).json()) as ImportView;
}

async function uploaded(response: Response): Promise<{ importId: string; jobId: string }> {
  expect(response.status).toBe(201);
  return (await response.json()) as { importId: string; jobId: string };
}

const refusal = async (response: Response) => [
  response.status,
  ((await response.json()) as { error: { code: string } }).error.code,
];

test('a CSV is uploaded, drained and told about, down to the file of its errors', async () => {
  const csv = await readFile('fixtures/leads-100.csv');
  const { importId, jobId } = await uploaded(await post('companyId=acme&country=us&fileName=leads-100.csv', csv));
  expect(await viewOf(importId)).toMatchObject({ status: 'pending', jobId, fileName: 'leads-100.csv' });
  expect(await drain()).toMatchObject({ completed: 1, deadLettered: 0 });
  expect(await viewOf(importId)).toMatchObject({
    status: 'completed',
    progress: { percent: 100 },
    counts: { rows: 100, created: 59, errors: 41 },
  });
  expect(await queue.getJob(jobId)).toMatchObject({
    status: 'COMPLETED',
    result: { status: 'completed', created: 59 },
  });

  const errors = await get(`id=${importId}&errors=csv`);
  expect(errors.status).toBe(200);
  expect(Object.fromEntries(errors.headers)).toMatchObject({
    'content-type': 'text/csv; charset=utf-8',
    'content-disposition': `attachment; filename="${importId}-errors.csv"`,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  expect((await errors.text()).trim().split('\r\n')).toHaveLength(42);
});

test('a multipart form is a file with its name', async () => {
  const form = new FormData();
  form.set('file', new File(['Phone;Name\n0501111111;Ali\n'], 'مرحبا.csv', { type: 'application/vnd.ms-excel' }));
  const { importId } = await uploaded(await post('companyId=acme', form, {}));
  await drain();
  expect(await viewOf(importId)).toMatchObject({ status: 'completed', fileName: 'مرحبا.csv', counts: { created: 1 } });
});

test('a long file name is cut between characters', async () => {
  const form = new FormData();
  form.set('file', new File(['Phone\n'], `x${'😀'.repeat(300)}.csv`, { type: 'text/csv' }));
  const { importId } = await uploaded(await post('companyId=acme', form, {}));
  expect((await viewOf(importId)).fileName).toBe(`x${'😀'.repeat(254)}`);
});

test('a large file comes in parts', async () => {
  const id = `client-${randomUUID()}`;
  const file = Buffer.from(`Phone\n${Array.from({ length: 900 }, (_, n) => `055${1_000_000 + n}`).join('\n')}\n`);
  const bytes = { 'content-type': 'application/octet-stream' };
  const half = file.length / 2;
  expect((await post(`companyId=acme&id=${id}&part=2`, file.subarray(half), bytes)).status).toBe(200);
  expect(await refusal(await finish(id, file))).toEqual([409, 'upload_incomplete']);
  expect((await post(`id=${id}&part=1`, file.subarray(0, half), bytes)).status).toBe(200);
  const { jobId } = await uploaded(await finish(id, file));
  expect(await uploaded(await finish(id, file))).toEqual({ importId: id, jobId });
  await drain();
  expect(await viewOf(id)).toMatchObject({ status: 'completed', counts: { created: 900, errors: 0 } });
});

function finish(id: string, file: Buffer): Promise<Response> {
  const sha256 = createHash('sha256').update(file).digest('hex');
  const whole = JSON.stringify({ size: file.length, sha256 });
  return post(`id=${id}&finish=1`, whole, { 'content-type': 'application/json' });
}

test('a file that cannot be read is a failed import and a completed job', async () => {
  const { importId, jobId } = await uploaded(await post('companyId=acme', 'PK\x03\x04 a workbook'));
  await drain();
  expect(await viewOf(importId)).toMatchObject({ status: 'failed', failure: { code: 'file_is_spreadsheet' } });
  expect(await queue.getJob(jobId)).toMatchObject({ status: 'COMPLETED' });
});

test('a cancelled import ends its job as cancelled', async () => {
  const { importId, jobId } = await uploaded(await post('companyId=acme', 'Phone\n0507777777\n'));
  const cancelled = await post(`id=${importId}&cancel=1`, null, {});
  expect(await cancelled.json()).toEqual({ importId, status: 'cancelled' });
  await drain();
  expect(await viewOf(importId)).toMatchObject({ status: 'cancelled', counts: { created: 0 } });
  expect(await queue.getJob(jobId)).toMatchObject({ status: 'CANCELLED' });
});

describe('an import whose job ended without it', () => {
  const sql = (text: string, ...params: unknown[]) => database().execute({ text, params });

  test.each([
    ['dead-lettered', 'DEAD_LETTER', { status: 'failed', failure: { code: 'given_up' } }],
    ['cancelled by an operator', 'CANCELLED', { status: 'cancelled', failure: null }],
  ])('%s', async (_, status, view) => {
    const { importId, jobId } = await uploaded(await post('companyId=acme', 'Phone\n0507777777\n'));
    await sql(
      `with gone as (delete from jobqueue.jobs where id = $1::bigint returning *)
       insert into jobqueue.job_history (id, status, created_at, due_at, fence, attempt, max_attempts, priority, queue, type, payload)
       select id, $2, created_at, due_at, fence, attempt, max_attempts, priority, queue, type, payload from gone`,
      jobId,
      status,
    );
    expect(await viewOf(importId)).toMatchObject(view);
  });

  test('dead-lettered, then enqueued anew: from then on the new job tells', async () => {
    const { importId, jobId } = await uploaded(await post('companyId=acme', 'Phone\n0507777777\n'));
    await sql(
      `with gone as (delete from jobqueue.jobs where id = $1::bigint returning *), freed as (
         delete from jobqueue.idempotency_keys using gone where key = gone.idempotency_key
       )
       insert into jobqueue.job_history (id, status, created_at, due_at, fence, attempt, max_attempts, priority, queue, type, payload)
       select id, 'DEAD_LETTER', created_at, due_at, fence, attempt, max_attempts, priority, queue, type, payload from gone`,
      jobId,
    );
    const again = await queue.addJob('lead_import', { companyId: 'acme', importId });
    await beginImport(database(), { companyId: 'acme', importId, jobId: again?.id ?? '' });
    expect(await viewOf(importId)).toMatchObject({ status: 'running', jobId: again?.id, failure: null });
    await drain();
    expect(await viewOf(importId)).toMatchObject({ status: 'completed', jobId: again?.id });
  });

  test('and is forgotten', async () => {
    const { importId, jobId } = await uploaded(await post('companyId=acme', 'Phone\n0507777777\n'));
    await sql('delete from jobqueue.jobs where id = $1::bigint', jobId);
    expect(await viewOf(importId)).toMatchObject({ status: 'failed', failure: { code: 'job_lost' } });
  });
});

describe('is refused', () => {
  test('without the secret', async () => {
    const headers = { ...CSV, authorization: 'Bearer wrong' };
    expect(await refusal(await post('companyId=acme', 'Phone\n', headers))).toEqual([401, 'unauthorized']);
    expect(await refusal(await GET(new Request('http://app.test/api/imports?id=12345678')))).toEqual([
      401,
      'unauthorized',
    ]);
  });

  test('while no secret is set', async () => {
    vi.stubEnv('QUEUE_API_KEY', '');
    expect(await refusal(await post('companyId=acme', 'Phone\n'))).toEqual([503, 'not_configured']);
    vi.stubEnv('QUEUE_API_KEY', KEY);
  });

  test.each([
    ['no company', '', 400, 'request_invalid'],
    ['no such country', 'companyId=acme&country=XX', 400, 'request_invalid'],
    ['no such delimiter', 'companyId=acme&delimiter=x', 400, 'request_invalid'],
    ['an unknown parameter', 'companyId=acme&dryrun=1', 400, 'request_invalid'],
    ['a parameter twice', 'companyId=acme&companyId=other', 400, 'request_invalid'],
    ['a wild id', 'companyId=acme&id=..%2F..%2Fetc', 400, 'request_invalid'],
    ['part 0', 'companyId=acme&id=12345678&part=0', 400, 'request_invalid'],
    ['a part of nothing', 'id=no-such-upload&part=1', 404, 'not_found'],
    ['cancelling nothing', 'id=no-such-upload&cancel=1', 404, 'not_found'],
  ])('%s', async (_, query, status, code) => {
    expect(await refusal(await post(query, 'Phone\n'))).toEqual([status, code]);
  });

  test('another content type, a broken form, a form without file', async () => {
    const json = { 'content-type': 'application/json' };
    expect(await refusal(await post('companyId=acme', '{}', json))).toEqual([415, 'unsupported_media_type']);
    const broken = { 'content-type': 'multipart/form-data; boundary=x' };
    expect(await refusal(await post('companyId=acme', 'no form', broken))).toEqual([400, 'form_invalid']);
    expect(await refusal(await post('companyId=acme', new FormData(), {}))).toEqual([400, 'form_invalid']);
  });

  test('more than 4 MiB in one request', async () => {
    const large = Buffer.alloc(4 * 1024 * 1024 + 1, 'x');
    expect(await refusal(await post('companyId=acme', large))).toEqual([413, 'body_too_large']);
    const form = new FormData();
    form.set('file', new File([large], 'large.csv'));
    expect(await refusal(await post('companyId=acme', form, {}))).toEqual([413, 'body_too_large']);
  });

  test('a finish that is malformed', async () => {
    const json = { 'content-type': 'application/json' };
    expect(await refusal(await post('id=12345678&finish=1', '{"size":', json))).toEqual([400, 'json_malformed']);
    expect(await refusal(await post('id=12345678&finish=1', '{"size":-1}', json))).toEqual([400, 'request_invalid']);
    expect(await refusal(await post('id=12345678&finish=1', '{}', CSV))).toEqual([415, 'unsupported_media_type']);
  });

  test('an import that does not exist', async () => {
    expect(await refusal(await get('id=no-such-import'))).toEqual([404, 'not_found']);
    expect(await refusal(await get('id=no-such-import&errors=csv'))).toEqual([404, 'not_found']);
  });
});
