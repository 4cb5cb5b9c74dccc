/** /api/imports through its front door: what clients send, get and are refused. */
import { createHash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { GET, POST } from '../../api/_app/imports.ts';
import { beginImport } from '../../lib/imports/lead-import/begin.ts';
import type { ImportView } from '../../lib/imports/status.ts';
import { queue } from '../../lib/queue/index.ts';
import { database } from '../../packages/jobqueue/src/postgres/connect.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

const KEY = 'a-key-of-the-test-0123456789';
const CSV = { 'content-type': 'text/csv' };

let fresh: TestDatabase;
beforeAll(async () => {
  fresh = await freshDatabase();
  vi.stubEnv('DATABASE_URL', fresh.url);
  vi.stubEnv('QUEUE_API_KEY', KEY);
  const companies = ['acme', 'again', 'asked', 'choices', 'died', 'operated', 'other', 'steered'];
  await database().execute({
    text: 'insert into companies (id, name) select value, value from jsonb_array_elements_text($1::jsonb)',
    params: [JSON.stringify(companies)],
  });
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
    counts: { rows: 100, created: 79, errors: 21 },
  });
  expect(await queue.getJob(jobId)).toMatchObject({
    status: 'COMPLETED',
    result: { status: 'completed', created: 79 },
  });

  const errors = await get(`id=${importId}&errors=csv`);
  expect(errors.status).toBe(200);
  expect(Object.fromEntries(errors.headers)).toMatchObject({
    'content-type': 'text/csv; charset=utf-8',
    'content-disposition': `attachment; filename="${importId}-errors.csv"`,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  expect((await errors.text()).trim().split('\r\n')).toHaveLength(22);
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

const JSON_BODY = { 'content-type': 'application/json' };
const json = async (response: Response) => [response.status, await response.json()];

test('a file in another encoding is previewed, confirmed and imported', async () => {
  const file = Buffer.from('Name;Kontakt\nJ\xfcrgen;0505550001\n', 'latin1');
  const { importId } = await uploaded(await post('companyId=asked&preview=1&tags=fair,vip', file));
  await drain();
  expect(await viewOf(importId)).toMatchObject({ status: 'waiting', question: { code: 'encoding', line: 2 } });
  const columns = encodeURIComponent('{"Kontakt":"phone"}');
  expect(await json(await get(`id=${importId}&preview=1&encoding=WINDOWS-1252&columns=${columns}`))).toMatchObject([
    200,
    {
      encoding: { used: 'windows-1252' },
      rows: [{ outcome: 'created', lead: { name: 'Jürgen', tags: ['fair', 'vip'] } }],
    },
  ]);
  expect(await refusal(await post(`id=${importId}&confirm=1`, '{}', JSON_BODY))).toEqual([400, 'encoding_missing']);
  const answer = {
    encoding: 'windows-1252',
    columns: { Kontakt: 'phone' },
    saveMapping: 'kontakte',
    policies: { name: 'never' },
  };
  const confirmed = await post(`id=${importId}&confirm=1`, JSON.stringify(answer), JSON_BODY);
  expect(await json(confirmed)).toEqual([200, { importId, jobId: expect.any(String) }]);
  await drain();
  expect(await viewOf(importId)).toMatchObject({ status: 'completed', counts: { created: 1 }, mapping: 'kontakte' });
  expect(await json(await get('companyId=asked&mappings=1'))).toMatchObject([
    200,
    { mappings: [{ name: 'kontakte' }] },
  ]);
  expect((await post('companyId=asked&forgetMapping=kontakte', null, {})).status).toBe(200);
  expect(await json(await get('companyId=asked&mappings=1'))).toEqual([200, { mappings: [] }]);
});

test('every choice can be made with the upload, whole or in parts', async () => {
  const policies = encodeURIComponent('{"email":"fill_empty"}');
  const columns = encodeURIComponent('{"#1":"phone"}');
  const choices = `encoding=windows-1251&dryRun=1&mode=create_only&policy=never&policies=${policies}&clear=1&tags=a&columns=${columns}`;
  const file = Buffer.from('Куда,Phone\n0505550002,x\n');
  const whole = await uploaded(await post(`companyId=choices&${choices}`, Buffer.from('X,Phone\n0505550002,x\n')));
  const id = randomUUID();
  const bytes = { 'content-type': 'application/octet-stream' };
  expect((await post(`companyId=choices&id=${id}&part=1&${choices}`, file, bytes)).status).toBe(200);
  await finish(id, file);
  const chosen = await database().execute({
    text: 'select encoding, dry_run, options from imports where id = any($1::text[])',
    params: [[whole.importId, id]],
  });
  const options = {
    mode: 'create_only',
    policy: 'never',
    policies: { email: 'fill_empty' },
    clear: true,
    tags: ['a'],
    columns: { '#1': 'phone' },
  };
  expect(chosen).toEqual([1, 2].map(() => ({ encoding: 'windows-1251', dry_run: true, options })));
  await drain();
  expect(await viewOf(whole.importId)).toMatchObject({ status: 'completed', dryRun: true, counts: { created: 1 } });
});

test('the same file again is taken, and warned of', async () => {
  const { importId } = await uploaded(await post('companyId=again', 'Phone\n0505550003\n'));
  const second = await post('companyId=again', 'Phone\n0505550003\n');
  expect(await json(second)).toEqual([
    201,
    { importId: expect.any(String), jobId: expect.any(String), repeats: importId },
  ]);
});

test('an import is paused, resumed, and taken back, with a file of what was kept', async () => {
  const { importId } = await uploaded(await post('companyId=steered', 'Phone,Name\n0505550004,Ali\n0505550005,Omar\n'));
  expect(await json(await post(`id=${importId}&pause=1`, null, {}))).toEqual([200, { importId, status: 'paused' }]);
  await drain();
  expect(await viewOf(importId)).toMatchObject({ status: 'paused', counts: { created: 0 } });
  const resumed = await json(await post(`id=${importId}&resume=1`, null, {}));
  expect(resumed).toEqual([200, { importId, jobId: expect.any(String) }]);
  expect(await refusal(await post(`id=${importId}&undo=1`, null, {}))).toEqual([409, 'not_undoable']);
  await drain();
  await database().execute({
    text: "update leads set notes = 'called' where name = 'Ali' and company_id = 'steered'",
    params: [],
  });
  expect(await json(await post(`id=${importId}&undo=1`, null, {}))).toMatchObject([200, { status: 'undoing' }]);
  expect(await drain()).toMatchObject({ completed: 1, deadLettered: 0 });
  expect(await viewOf(importId)).toMatchObject({ status: 'undone', undo: { removed: 1, kept: { changed: 1 } } });
  expect(await json(await post(`id=${importId}&undo=1`, null, {}))).toEqual([
    200,
    { importId, status: 'undone', jobId: null },
  ]);
  const kept = await get(`id=${importId}&kept=csv`);
  expect(kept.headers.get('content-disposition')).toBe(`attachment; filename="${importId}-kept.csv"`);
  expect(await kept.text()).toContain('2,+971505550004,changed,it was changed since');
});

test('an import that its job has left behind can be taken back', async () => {
  const { importId, jobId } = await uploaded(await post('companyId=operated', 'Phone\n0505550007\n'));
  await beginImport(database(), { companyId: 'operated', importId, jobId });
  await database().execute({ text: 'delete from jobqueue.jobs where id = $1::bigint', params: [jobId] });
  expect(await viewOf(importId)).toMatchObject({ status: 'failed', failure: { code: 'job_lost' } });
  expect(await json(await post(`id=${importId}&undo=1`, null, {}))).toMatchObject([200, { status: 'undoing' }]);
  await drain();
  expect(await viewOf(importId)).toMatchObject({ status: 'undone', failure: null, undo: { removed: 0 } });
});

test('an undo whose job died says so, and can be asked for again', async () => {
  const { importId } = await uploaded(await post('companyId=died', 'Phone\n0505550006\n'));
  await drain();
  await post(`id=${importId}&undo=1`, null, {});
  await database().execute({ text: "delete from jobqueue.jobs where type = 'import_undo'", params: [] });
  expect(await viewOf(importId)).toMatchObject({ status: 'undoing', failure: { code: 'given_up' } });
  await post(`id=${importId}&undo=1`, null, {});
  await drain();
  expect(await viewOf(importId)).toMatchObject({ status: 'undone', failure: null, undo: { removed: 1 } });
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
    ['pausing nothing', 'id=no-such-upload&pause=1', 404, 'not_found'],
    ['resuming nothing', 'id=no-such-upload&resume=1', 404, 'not_found'],
    ['taking back nothing', 'id=no-such-upload&undo=1', 404, 'not_found'],
    ['forgetting nothing', 'companyId=acme&forgetMapping=none', 404, 'not_found'],
    ['no such encoding', 'companyId=acme&encoding=ebcdic', 400, 'request_invalid'],
    ['no such mode', 'companyId=acme&mode=replace', 400, 'request_invalid'],
    ['no such policy', 'companyId=acme&policy=maybe', 400, 'request_invalid'],
    ['a policy of no field', 'companyId=acme&policies=%7B%22phone%22%3A%22never%22%7D', 400, 'request_invalid'],
    ['columns that are no JSON', 'companyId=acme&columns=Phone', 400, 'request_invalid'],
    ['no such field', 'companyId=acme&columns=%7B%22A%22%3A%22city%22%7D', 400, 'request_invalid'],
    ['21 tags', `companyId=acme&tags=${Array.from({ length: 21 }, (_, n) => n).join(',')}`, 400, 'request_invalid'],
    ['a tag of 51 characters', `companyId=acme&tags=${'x'.repeat(51)}`, 400, 'request_invalid'],
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
    expect(await refusal(await get('id=no-such-import&kept=csv'))).toEqual([404, 'not_found']);
    expect(await refusal(await get('id=no-such-import&preview=1'))).toEqual([404, 'not_found']);
    const json = { 'content-type': 'application/json' };
    expect(await refusal(await post('id=no-such-import&confirm=1', '{}', json))).toEqual([404, 'not_found']);
    expect(await refusal(await post('id=no-such-import&confirm=1', '{"mode":1}', json))).toEqual([
      400,
      'request_invalid',
    ]);
  });
});

test('a company that nobody made is refused with the nearest ids, and made only where the upload says so', async () => {
  const known = async () =>
    (await database().execute({ text: "select from companies where id = 'acmee'", params: [] })).length;
  for (const query of ['companyId=acmee', `companyId=acmee&id=parts-${randomUUID()}&part=1`]) {
    const refused = await post(query, 'Phone\n0501111111\n');
    expect(refused.status).toBe(404);
    expect(await refused.json()).toMatchObject({
      error: { code: 'company_unknown', issues: [{ path: 'companyId', message: expect.stringContaining('acme') }] },
    });
    expect(await known()).toBe(0);
  }
  await uploaded(await post('companyId=acmee&createCompany=1', 'Phone\n0501111111\n'));
  expect(await known()).toBe(1);
  await uploaded(await post('companyId=acmee', 'Phone\n0501111112\n'));
});

test('an upload that is refused because its id is taken makes no company', async () => {
  const id = `taken-${randomUUID()}`;
  await uploaded(await post(`companyId=acme&id=${id}`, 'Phone\n0501111111\n'));
  for (const part of ['', '&part=1']) {
    const refused = await post(`companyId=acme-two&createCompany=1&id=${id}${part}`, 'Phone\n0501111112\n');
    expect([refused.status, await refused.json()]).toMatchObject([409, { error: { code: 'choices_differ' } }]);
  }
  expect(await database().execute({ text: "select from companies where id = 'acme-two'", params: [] })).toEqual([]);
});

test('an id with other choices is refused, and says which differ; with the same ones it is the same import', async () => {
  const id = `choices-${randomUUID()}`;
  const csv = 'Phone,Kontakt\n0501111111,x\n';
  const said = `companyId=acme&id=${id}&country=AE&columns=${encodeURIComponent('{"Kontakt":"name"}')}`;
  const first = await uploaded(await post(`${said}&preview=1`, csv));
  await drain();
  await post(`id=${id}&confirm=1`, JSON.stringify({ country: 'GB', mode: 'create_only' }), {
    'content-type': 'application/json',
  });
  // A confirmed choice does not differ from the upload's, and neither does a default that is named.
  const again = await uploaded(await post(`${said}&preview=1&mode=upsert`, csv));
  expect(again.importId).toBe(first.importId);

  const differing = async (query: string, body = csv) => {
    const response = await post(`id=${id}&${query}`, body);
    const { error } = (await response.json()) as {
      error: { code: string; issues: { path: string; message: string }[] };
    };
    return [response.status, error.code, ...error.issues.map(({ path, message }) => `${path}: ${message}`)];
  };
  const columns = encodeURIComponent('{"Kontakt":"notes"}');
  expect(await differing(`companyId=acme&preview=1&country=US&columns=${columns}&tags=a,b`)).toEqual([
    409,
    'choices_differ',
    'country: the upload has AE, this request US',
    'tags: the upload has [], this request ["a","b"]',
    'columns: the upload has {"Kontakt":"name"}, this request {"Kontakt":"notes"}',
  ]);
  expect((await differing('companyId=acme&preview=1', 'Phone\n1\n')).slice(1, 3)).toEqual([
    'choices_differ',
    expect.stringMatching(/^file: /),
  ]);
  expect(await differing('companyId=other&country=AE')).toEqual([
    409,
    'choices_differ',
    'companyId: the upload has acme, this request other',
  ]);
});

test('a part may leave out the choices of the part before it, and may not change them', async () => {
  const id = `parts-${randomUUID()}`;
  const bytes = { 'content-type': 'application/octet-stream' };
  const part = (n: number, query: string) => post(`id=${id}&part=${n}&companyId=acme${query}`, 'Phone\n', bytes);
  expect((await part(1, '&delimiter=tab&mode=create_only')).status).toBe(200);
  expect((await part(2, '')).status).toBe(200);
  expect((await part(2, '&mode=create_only')).status).toBe(200);
  expect(await refusal(await part(2, '&mode=upsert'))).toEqual([409, 'choices_differ']);
  expect(await refusal(await post(`id=${id}&companyId=acme`, 'Phone\n'))).toEqual([409, 'choices_differ']);
});

describe('an import by its own path', () => {
  const at = (method: 'GET' | 'POST', path: string, body: BodyInit | null = null, headers: object = CSV) =>
    (method === 'GET' ? GET : POST)(
      new Request(`http://app.test/api/imports/${path}`, {
        method,
        body,
        headers: { authorization: `Bearer ${KEY}`, ...(body !== null && headers) },
      }),
    );

  test('is sent in parts, finished, read, drained and cancelled as by its parameters', async () => {
    const id = randomUUID();
    const csv = Buffer.from('name,phone\nAnn,+14155550101\nBob,none\n');
    expect((await at('POST', `${id}/parts/1?companyId=other&country=us`, csv)).status).toBe(200);
    const whole = { size: csv.length, sha256: createHash('sha256').update(csv).digest('hex') };
    const finished = await at('POST', `${id}/finish`, JSON.stringify(whole), { 'content-type': 'application/json' });
    expect(await uploaded(finished)).toMatchObject({ importId: id });
    await drain();
    expect(await (await at('GET', id)).json()).toEqual(await viewOf(id));
    expect(await (await at('GET', `${id}/errors`)).text()).toBe(await (await get(`id=${id}&errors=csv`)).text());
    expect(await refusal(await at('POST', `${id}/cancel`))).toEqual(await refusal(await post(`id=${id}&cancel=1`)));
  });

  test.each<['GET' | 'POST', string, number, string]>([
    ['GET', 'some-import/nothing', 404, 'not_found'],
    ['GET', 'some-import/constructor', 404, 'not_found'],
    ['GET', 'some-import/mappings', 404, 'not_found'],
    ['GET', 'some-import/errors/1', 404, 'not_found'],
    ['POST', 'some-import/part', 404, 'not_found'],
    ['GET', 'some-import/cancel', 405, 'method_not_allowed'],
    ['POST', 'some-import/errors', 405, 'method_not_allowed'],
    ['POST', 'some-import', 405, 'method_not_allowed'],
    ['GET', 'some-import?id=another-import', 400, 'request_invalid'],
    ['GET', 'bad%20id', 400, 'request_invalid'],
    ['GET', 'some-import', 404, 'not_found'],
  ])('%s %s is a %d %s', async (method, path, status, code) => {
    expect(await refusal(await at(method, path))).toEqual([status, code]);
  });
});
