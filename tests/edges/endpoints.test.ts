/** Every endpoint through its exported handler, on a real database: who gets in, what is refused, and what the rest may rely on. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { SecretName } from '../../lib/config.ts';
import { log } from '../../lib/log.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { emptied, JOB_TABLES } from '../support/empty.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
type Dispatcher = Record<Method, (request: Request) => Promise<Response>>;

const GUARDED: readonly [method: Method, path: string, secret: SecretName][] = [
  ['GET', '/api/cron/drain', 'CRON_SECRET'],
  ['POST', '/api/cron/drain', 'CRON_SECRET'],
  ['POST', '/api/drain', 'OPERATOR_SECRET'],
  ['POST', '/api/operator', 'OPERATOR_SECRET'],
  ['GET', '/api/companies', 'OPERATOR_SECRET'],
  ['POST', '/api/companies', 'OPERATOR_SECRET'],
  ['GET', '/api/connections', 'OPERATOR_SECRET'],
  ['POST', '/api/connections', 'OPERATOR_SECRET'],
  ['GET', '/api/drafts', 'OPERATOR_SECRET'],
  ['POST', '/api/drafts', 'OPERATOR_SECRET'],
  ['POST', '/api/campaigns', 'QUEUE_API_KEY'],
  ['GET', '/api/campaigns?id=campaign-1', 'QUEUE_API_KEY'],
  ['GET', '/api/opt-outs', 'QUEUE_API_KEY'],
  ['POST', '/api/opt-outs', 'QUEUE_API_KEY'],
  ['POST', '/api/jobs', 'QUEUE_API_KEY'],
  ['GET', '/api/jobs?id=1', 'QUEUE_API_KEY'],
  ['GET', '/api/jobs?id=1&payload=true', 'OPERATOR_SECRET'],
  ['POST', '/api/imports?companyId=c1', 'QUEUE_API_KEY'],
  ['GET', '/api/imports?id=1', 'QUEUE_API_KEY'],
];
const READING_JSON: readonly [path: string, secret: SecretName, maxBytes: number][] = [
  ['/api/drain', 'OPERATOR_SECRET', 64 * 1024],
  ['/api/operator', 'OPERATOR_SECRET', 64 * 1024],
  ['/api/companies', 'OPERATOR_SECRET', 64 * 1024],
  ['/api/connections', 'OPERATOR_SECRET', 64 * 1024],
  ['/api/opt-outs', 'QUEUE_API_KEY', 64 * 1024],
  ['/api/drafts', 'OPERATOR_SECRET', 64 * 1024],
  ['/api/campaigns', 'QUEUE_API_KEY', 4 * 1024 * 1024],
  ['/api/jobs', 'QUEUE_API_KEY', 4 * 1024 * 1024],
];
const PAYLOAD = { conversationId: 'c1', messageId: 'm1', companyId: 'co1' };

let db: TestDatabase;
let sql: pg.Client;
let api: Dispatcher;

beforeAll(async () => {
  db = await freshDatabase();
  sql = new pg.Client(db.url);
  await sql.connect();
  process.env.DATABASE_URL = db.url;
  api = (await import('../../app/api/route.local.ts')) as Dispatcher;
});
beforeEach(() => {
  for (const name of ['CRON_SECRET', 'OPERATOR_SECRET', 'QUEUE_API_KEY']) vi.stubEnv(name, secretOf(name));
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});
afterAll(async () => {
  const { database } = await import('../../packages/jobqueue/src/postgres/connect.ts');
  await database().close();
  await sql.end();
  await db.drop();
});

describe.each(GUARDED)('%s %s', (method, path, secret) => {
  test('is closed while no secret is configured, and the log names the variable', async () => {
    const line = vi.spyOn(log, 'error').mockReturnValue();
    vi.stubEnv(secret, undefined);
    expect(await ask(method, path, { token: 'undefined' })).toMatchObject([503, { error: { code: 'not_configured' } }]);
    expect(JSON.stringify(line.mock.calls)).toContain(secret);
  });

  test('answers a wrong secret with 401 and says nothing else', async () => {
    for (const token of [null, 'wrong-secret-0123456789', ...others(secret)])
      expect(await ask(method, path, { token })).toEqual([
        401,
        { error: { code: 'unauthorized', message: 'A valid bearer token is required.' } },
      ]);
  });

  test('asks for the secret before it looks at the body', async () => {
    const [status] = await ask(method, path, { token: null, ...(method === 'POST' && { body: '{' }) });
    expect(status).toBe(401);
  });
});

test.each<[Method, string, string]>([
  ['DELETE', '/api/cron/drain', 'GET, POST'],
  ['GET', '/api/drain', 'POST'],
  ['PUT', '/api/jobs', 'GET, POST'],
  ['POST', '/api/health', 'GET'],
])('%s %s is answered with what is allowed', async (method, path, allow) => {
  const response = await api[method](new Request(`https://queue.example${path}`, { method }));
  expect([response.status, response.headers.get('allow')]).toEqual([405, allow]);
  expect(await response.json()).toMatchObject({ error: { code: 'method_not_allowed' } });
});

describe.each(READING_JSON)('the body of POST %s', (path, secret, maxBytes) => {
  const send = (body: string, type = 'application/json') => ask('POST', path, { token: secretOf(secret), body, type });

  test('is JSON by its content type', async () => {
    expect(await send('{}', 'text/plain')).toMatchObject([415, { error: { code: 'unsupported_media_type' } }]);
  });
  test('is well-formed', async () => {
    expect(await send('{"type":')).toMatchObject([400, { error: { code: 'json_malformed' } }]);
  });
  test('is bounded', async () => {
    const body = JSON.stringify({ queue: 'x'.repeat(maxBytes) });
    expect(await send(body)).toMatchObject([413, { error: { code: 'body_too_large' } }]);
  });
  test('is an object that holds what was expected', async () => {
    for (const body of ['null', '[]', '"text"', '{"typo":1}'])
      expect(await send(body)).toMatchObject([400, { error: { code: 'request_invalid', issues: expect.any(Array) } }]);
  });
});

test.each([
  ['of another content type', 'application/json', '{}', 415],
  ['above 4 MB', 'text/csv', 'x'.repeat(4 * 1024 * 1024 + 1), 413],
])('an upload %s is refused', async (_, type, body, expected) => {
  const [status] = await ask('POST', '/api/imports?companyId=c1', { token: secretOf('QUEUE_API_KEY'), body, type });
  expect(status).toBe(expected);
});

describe('POST /api/jobs', () => {
  const enqueue = (body: unknown, headers: Record<string, string> = {}) =>
    ask('POST', '/api/jobs', { token: secretOf('QUEUE_API_KEY'), body: JSON.stringify(body), headers });

  test('answers 201 with the id, and 200 with the same id to a duplicate', async () => {
    const job = { type: 'ai_generation', payload: PAYLOAD, options: { idempotencyKey: 'twice', priority: 7 } };
    const [status, first] = await enqueue(job);
    expect([status, first]).toEqual([201, { id: expect.stringMatching(/^\d+$/) }]);
    expect(await enqueue(job)).toEqual([200, { id: (first as { id: string }).id, duplicate: true }]);
    expect(await countJobs('twice')).toBe(1);
  });

  test('takes the key from the Idempotency-Key header as from the options', async () => {
    const job = { type: 'ai_generation', payload: PAYLOAD };
    const [, first] = await enqueue(job, { 'idempotency-key': 'by-header' });
    expect(await enqueue({ ...job, options: { idempotencyKey: 'by-header' } })).toEqual([
      200,
      { ...(first as object), duplicate: true },
    ]);
  });

  test('refuses two different keys, and a header for many jobs', async () => {
    const job = { type: 'ai_generation', payload: PAYLOAD, options: { idempotencyKey: 'one' } };
    expect(await enqueue(job, { 'idempotency-key': 'other' })).toMatchObject([
      400,
      { error: { code: 'option_invalid' } },
    ]);
    expect(await enqueue({ jobs: [job] }, { 'idempotency-key': 'one' })).toMatchObject([
      400,
      { error: { code: 'option_invalid' } },
    ]);
    expect(await countJobs('one')).toBe(0);
  });

  test('answers 409 with the id of the holder to a key that comes with another payload, and shows neither', async () => {
    const job = { type: 'crm_sync', payload: { companyId: 'acme', leadId: 'reused', action: 'create' } };
    const header = { 'idempotency-key': 'reused' };
    const [, first] = await enqueue(job, header);
    const { id } = first as { id: string };
    const other = { ...job, payload: { ...job.payload, leadId: 'another' } };
    const [status, body] = await enqueue(other, header);
    expect([status, body]).toMatchObject([
      409,
      {
        error: { code: 'idempotency_key_reused', issues: [{ path: 'payload', message: expect.stringContaining(id) }] },
      },
    ]);
    expect(JSON.stringify(body)).not.toMatch(/another|acme/);
    const keyed = (entry: object) => ({ ...entry, options: { idempotencyKey: 'reused' } });
    expect(await enqueue({ jobs: [keyed(job), keyed(other)] })).toEqual([
      200,
      {
        jobs: [
          { id, duplicate: true },
          { id, duplicate: true, differs: true },
        ],
      },
    ]);
  });

  test('answers many jobs in their order, duplicates among themselves included', async () => {
    const keyed = { type: 'ai_generation', payload: PAYLOAD, options: { idempotencyKey: 'among-many' } };
    const [status, body] = await enqueue({ jobs: [keyed, { type: 'ai_generation', payload: PAYLOAD }, keyed] });
    const { jobs } = body as { jobs: { id: string; duplicate?: boolean }[] };
    expect(status).toBe(200);
    expect(jobs.map(({ duplicate }) => duplicate ?? false)).toEqual([false, false, true]);
    expect(jobs[2]?.id).toBe(jobs[0]?.id);
  });

  test('answers repeats whose key a transaction holds open with 503 and when to ask again, and serves everybody else', async () => {
    const taker = new pg.Client(db.url);
    await taker.connect();
    await taker.query('begin');
    await taker.query("select jobqueue.add_job('ai_generation', '{}', idempotency_key => 'held open')");
    const job = { type: 'ai_generation', payload: PAYLOAD };
    const repeat = () =>
      api.POST(
        new Request('https://queue.example/api/jobs', {
          method: 'POST',
          headers: {
            authorization: `Bearer ${secretOf('QUEUE_API_KEY')}`,
            'content-type': 'application/json',
            'idempotency-key': 'held open',
          },
          body: JSON.stringify(job),
        }),
      );
    await sql.query("insert into jobqueue.pauses (queue) values ('*')"); // the tick has only to answer
    try {
      const repeats = Promise.all(Array.from({ length: 8 }, repeat));
      expect((await enqueue(job))[0]).toBe(201);
      expect((await ask('GET', '/api/cron/drain', { token: secretOf('CRON_SECRET') }))[0]).toBe(200);
      const [, health] = await ask('GET', '/api/health', { token: secretOf('OPERATOR_SECRET') });
      expect(health).toMatchObject({
        checks: expect.arrayContaining([expect.objectContaining({ name: 'database', ok: true })]),
      });
      for (const answer of await repeats) {
        expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '2']);
        expect(await answer.json()).toMatchObject({ error: { code: 'lock_timeout' } });
      }
    } finally {
      await sql.query('delete from jobqueue.pauses');
      await taker.end();
    }
  });

  test('writes none of many when one is wrong', async () => {
    const good = { type: 'ai_generation', payload: PAYLOAD, options: { idempotencyKey: 'all-or-nothing' } };
    const [status, body] = await enqueue({
      jobs: [good, { type: 'ai_generation', payload: { conversationId: 'c1' } }],
    });
    expect([status, body]).toMatchObject([400, { error: { code: 'payload_invalid', issues: expect.any(Array) } }]);
    expect(JSON.stringify(body)).toContain('jobs[1]');
    expect(await countJobs('all-or-nothing')).toBe(0);
  });

  test.each<[string, object, number, string]>([
    ['an unknown type', { type: 'lead_inport', payload: {} }, 400, 'unknown_type'],
    ['a payload that does not fit', { type: 'ai_generation', payload: {} }, 400, 'payload_invalid'],
    ['no payload', { type: 'ai_generation' }, 400, 'request_invalid'],
    ['a priority of 11', { type: 'ai_generation', payload: PAYLOAD, options: { priority: 11 } }, 400, 'option_invalid'],
    [
      'a priority of 0.5',
      { type: 'ai_generation', payload: PAYLOAD, options: { priority: 0.5 } },
      400,
      'option_invalid',
    ],
    ['101 attempts', { type: 'ai_generation', payload: PAYLOAD, options: { maxAttempts: 101 } }, 400, 'option_invalid'],
    [
      'a date without a zone',
      { type: 'ai_generation', payload: PAYLOAD, options: { scheduledFor: '2027-01-01' } },
      400,
      'request_invalid',
    ],
    [
      'a date in 50 years',
      { type: 'ai_generation', payload: PAYLOAD, options: { scheduledFor: '2076-01-01T00:00:00Z' } },
      400,
      'option_invalid',
    ],
    ['an unknown option', { type: 'ai_generation', payload: PAYLOAD, options: { prority: 1 } }, 400, 'request_invalid'],
    ['an empty list', { jobs: [] }, 400, 'request_invalid'],
    [
      'a payload above 256 KiB',
      { type: 'ai_generation', payload: { ...PAYLOAD, messageId: 'x'.repeat(262_144) } },
      413,
      'payload_too_large',
    ],
  ])('refuses %s', async (_, body, status, code) => {
    expect(await enqueue(body)).toMatchObject([status, { error: { code, message: expect.any(String) } }]);
  });

  test('refuses 10,001 jobs', async () => {
    const jobs = Array.from({ length: 10_001 }, () => ({ type: 'ai_generation', payload: PAYLOAD }));
    expect((await enqueue({ jobs }))[0]).toBe(400);
  });
});

describe('GET /api/jobs', () => {
  const look = (query: string) => ask('GET', `/api/jobs?${query}`, { token: secretOf('QUEUE_API_KEY') });

  test('tells what became of a job', async () => {
    const { rows } = await sql.query(
      `select id::text from jobqueue.add_job('crm_sync', '{"companyId":"c","leadId":"l","action":"create"}', priority => 4)`,
    );
    const [status, job] = await look(`id=${rows[0].id}`);
    expect(status).toBe(200);
    expect(job).toMatchObject({
      id: rows[0].id,
      type: 'crm_sync',
      status: 'PENDING',
      attempts: 0,
      maxAttempts: 3,
      priority: 4,
    });
    expect(job).not.toHaveProperty('payload'); // whoever may enqueue may not read what others enqueued
    expect(job).toMatchObject({ createdAt: expect.stringMatching(/^\d{4}-.*Z$/), progress: null, result: null });
  });

  test('tells result, progress and errors by name and message, not where in our code they came from', async () => {
    const { rows } = await sql.query(`
      insert into jobqueue.job_history (id, status, created_at, due_at, started_at, fence, attempt, max_attempts, priority, queue, type,
        payload, state, progress, result, errors)
      values (nextval('jobqueue.jobs_id_seq'), 'COMPLETED', now(), now(), now(), 2, 2, 3, 0, 'default', 'lead_import',
        '{"phone":"private"}', '{"row":"private"}', '{"done":3,"total":4}', '{"imported":4}',
        '[{"name":"TypeError","message":"x is not a function","attempt":1,"code":"E_X","at":"2027-01-01T00:00:00Z","stack":"at private.ts:1"}]')
      returning id::text`);
    const [status, job] = await look(`id=${rows[0].id}`);
    expect([status, job]).toMatchObject([
      200,
      { status: 'COMPLETED', attempts: 2, result: { imported: 4 }, progress: { done: 3, total: 4 } },
    ]);
    expect((job as { errors: object[] }).errors).toEqual([
      { name: 'TypeError', message: 'x is not a function', attempt: 1, code: 'E_X', at: '2027-01-01T00:00:00Z' },
    ]);
    expect(JSON.stringify(job)).not.toContain('private');

    const whole = await ask('GET', `/api/jobs?id=${rows[0].id}&payload=true`, { token: secretOf('OPERATOR_SECRET') });
    expect(whole).toMatchObject([
      200,
      { payload: { phone: 'private' }, state: { row: 'private' }, errors: [{ stack: 'at private.ts:1' }] },
    ]);
    const audit = await sql.query('select actor, action, details from jobqueue.audit_log order by id desc limit 1');
    expect(audit.rows).toEqual([{ actor: 'operator', action: 'job.payload_read', details: { id: rows[0].id } }]);

    // of a type that nobody here knows, nobody knows the secrets
    await sql.query("update jobqueue.job_history set type = 'of_another_deployment' where id = $1", [rows[0].id]);
    const hidden = await ask('GET', `/api/jobs?id=${rows[0].id}&payload=true`, { token: secretOf('OPERATOR_SECRET') });
    expect(hidden).toMatchObject([200, { payload: '•••', state: { row: 'private' } }]);
  });

  test('shows no payload to whoever asks for it in other words', async () => {
    for (const word of ['', '1', 'false']) {
      const query = `/api/jobs?id=1&payload=${word}`;
      expect((await ask('GET', query, { token: secretOf('QUEUE_API_KEY') }))[0]).toBe(401);
      expect((await ask('GET', query, { token: secretOf('OPERATOR_SECRET') }))[0]).toBe(400);
    }
  });

  test('answers 404 to an unknown id and 400 to what is none', async () => {
    for (const id of ['999999999', '0', '99999999999999999999'])
      expect(await look(`id=${id}`)).toMatchObject([404, { error: { code: 'not_found' } }]);
    for (const query of ['', 'id=', 'id=abc', 'id=-1', 'id=1.5', 'id=1&id=2', 'id=1&x=2'])
      expect([query, (await look(query))[0]]).toEqual([query, 400]);
  });
});

describe('POST /api/drain', () => {
  const drain = (body?: object) =>
    ask('POST', '/api/drain', { token: secretOf('OPERATOR_SECRET'), ...(body && { body: JSON.stringify(body) }) });

  test('drains with no body at all, as a hand does in an incident, and leaves its trace in the audit log', async () => {
    await sql.query(emptied(...JOB_TABLES, 'jobqueue.idempotency_keys')); // what was enqueued above names no real message
    await sql.query("select jobqueue.add_job('of_another_deployment')");
    const [status, report] = await drain();
    expect(status).toBe(200);
    expect(report).toMatchObject({ claimed: 0, stopReason: 'empty', unhandled: ['of_another_deployment'] });
    await sql.query(emptied(...JOB_TABLES));
    const { rows } = await sql.query('select actor, action, details from jobqueue.audit_log order by id desc limit 1');
    expect(rows).toMatchObject([{ action: 'drain' }]);
  });

  test('says in a dry run what would be claimed, and claims nothing', async () => {
    await sql.query(`select jobqueue.add_job('lead_import', '{"companyId":"c","importId":"dry"}', queue => 'dry')`);
    const [status, preview] = await drain({ dryRun: true, queue: 'dry' });
    expect(status).toBe(200);
    expect(JSON.stringify(preview)).toContain('lead_import');
    const { rows } = await sql.query(`select fence, lease_until from jobqueue.live_jobs where queue = 'dry'`);
    expect(rows).toEqual([{ fence: 0, lease_until: null }]);
    const audit = await sql.query('select action, details from jobqueue.audit_log order by id desc limit 1');
    expect(audit.rows).toMatchObject([{ action: 'drain.dry_run', details: { queue: 'dry' } }]);
  });

  test.each<[string, object, string]>([
    ['an unknown type', { types: ['lead_inport'] }, 'unknown_type'],
    ['an unknown type in a dry run', { types: ['lead_inport'], dryRun: true }, 'unknown_type'],
    ['no types', { types: [] }, 'request_invalid'],
    ['a queue that is no name', { queue: "x'; drop table jobqueue.jobs; --" }, 'request_invalid'],
    ['a limit of 0', { limit: 0 }, 'request_invalid'],
    ['a negative budget', { budgetMs: -1 }, 'request_invalid'],
    ['a budget beyond what a function may run', { budgetMs: 3_600_000 }, 'request_invalid'],
    ['fractions of a job at once', { concurrency: 1.5 }, 'request_invalid'],
    ['words for a switch', { dryRun: 'yes' }, 'request_invalid'],
  ])('refuses %s', async (_, body, code) => {
    expect(await drain(body)).toMatchObject([400, { error: { code } }]);
  });
});

describe('the tick', () => {
  test('answers its report, and leaves one row in the ledger', async () => {
    const [status, report] = await ask('GET', '/api/cron/drain', { token: secretOf('CRON_SECRET') });
    expect([status, report]).toMatchObject([200, { source: 'cron', lost: 0, steps: expect.any(Number) }]);
    const { rows } = await sql.query('select source, stop_reason from jobqueue.drains where id = $1', [
      (report as { id: string }).id,
    ]);
    expect(rows).toEqual([{ source: 'cron', stop_reason: expect.any(String) }]);
  });

  test('ends before the deadline that the platform names', async () => {
    const key = Symbol.for('@vercel/request-context');
    const platform = globalThis as { [key]?: unknown };
    const deadline = new Date(Date.now() + 3_000);
    platform[key] = { get: () => ({ deadline }) };
    try {
      await sql.query(
        `select jobqueue.add_job('lead_import', '{"companyId":"c","importId":"none"}', delay_ms => 2500)`,
      );
      const [status] = await ask('POST', '/api/cron/drain', { token: secretOf('CRON_SECRET') });
      expect(status).toBe(200);
      expect(Date.now()).toBeLessThan(deadline.getTime());
    } finally {
      delete platform[key];
    }
  });
});

describe('GET /api/health', () => {
  test('says to everyone that it is up, and no number', async () => {
    const [status, body] = await ask('GET', '/api/health', { token: null });
    expect([status, body]).toEqual([200, { status: 'ok', checks: expect.arrayContaining([expect.any(String)]) }]);
  });

  test('shows the details to the operator only', async () => {
    const [status, body] = await ask('GET', '/api/health', { token: secretOf('OPERATOR_SECRET') });
    expect([status, body]).toMatchObject([
      200,
      {
        checks: expect.arrayContaining([
          expect.objectContaining({
            name: 'ticks',
            ok: true,
            value: expect.any(Number),
            limit: 180_000,
            page: '/ticks',
          }),
        ]),
      },
    ]);
    expect((await ask('GET', '/api/health', { token: secretOf('QUEUE_API_KEY') }))[0]).toBe(401);
  });

  test('answers 503 while a check is red, and to the operator what and from when on', async () => {
    await sql.query(
      "update jobqueue.drains set finished_at = now() - interval '1 hour', last_step_at = now() - interval '1 hour'",
    );
    const [status, body] = await ask('GET', '/api/health', { token: secretOf('OPERATOR_SECRET') });
    const ticks = { name: 'ticks', ok: false, value: expect.any(Number), limit: 180_000 };
    expect([status, body]).toMatchObject([
      503,
      { status: 'failing', checks: expect.arrayContaining([expect.objectContaining(ticks)]) },
    ]);
    await ask('GET', '/api/cron/drain', { token: secretOf('CRON_SECRET') });
    expect((await ask('GET', '/api/health', { token: secretOf('OPERATOR_SECRET') }))[0]).toBe(200);
  });
});

test('no endpoint answers outside the list', async () => {
  for (const path of ['/api', '/api/', '/api/nothing', '/api/constructor', '/api/jobs/1', '/api/..%2fjobs'])
    expect([path, (await ask('GET', path, { token: secretOf('QUEUE_API_KEY') }))[0]]).toEqual([path, 404]);
});

interface Asking {
  readonly token: string | null;
  readonly body?: string;
  readonly type?: string;
  readonly headers?: Record<string, string>;
}

async function ask(method: Method, path: string, { token, body, type = 'application/json', headers = {} }: Asking) {
  const request = new Request(`https://queue.example${path}`, {
    method,
    headers: {
      ...headers,
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': type }),
    },
    ...(body !== undefined && { body }),
  });
  const response = await api[method](request);
  expect(response.headers.get('cache-control')).toBe('no-store');
  return [response.status, (await response.json()) as unknown] as const;
}

function secretOf(name: string): string {
  return `${name.toLowerCase()}-0123456789`;
}

function others(name: SecretName): string[] {
  return ['CRON_SECRET', 'OPERATOR_SECRET', 'QUEUE_API_KEY'].filter((other) => other !== name).map(secretOf);
}

async function countJobs(idempotencyKey: string): Promise<number> {
  const { rows } = await sql.query('select count(*)::int as n from jobqueue.live_jobs where idempotency_key = $1', [
    idempotencyKey,
  ]);
  return rows[0].n;
}
