/** The built app as a browser meets it: pages, forms and the self-hosted /api, over HTTP, against a real database. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { tellWrites } from '../edges/fuzz/writes.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import fc from '../support/property.ts';
import { type Browser, buildApp, openBrowser, type RunningApp, startApp } from './browser.ts';
import { type Answer, actionIds, type Encoded, encoded, formOf, send } from './react-sender.ts';

const OPERATOR_SECRET = 'operator-secret-0123456789';
const VIEWER_SECRET = 'viewer-secret-0123456789';
const CRON_SECRET = 'cron-secret-0123456789';

let db: TestDatabase;
let sql: pg.Client;
let app: RunningApp;
let operator: Browser;

beforeAll(async () => {
  db = await freshDatabase();
  sql = new pg.Client(db.url);
  await sql.connect();
  await buildApp();
  app = await startApp({ DATABASE_URL: db.url, OPERATOR_SECRET, VIEWER_SECRET, CRON_SECRET });
  operator = openBrowser(app.url);
  expect((await operator.signIn(OPERATOR_SECRET)).status).toBe(303);
}, 240_000); // a build and type check take some 30 s, on a loaded machine far more

afterAll(async () => {
  await app?.stop();
  await sql?.end();
  await db?.drop();
});

describe('the server action of the home page', () => {
  test("enqueues by Conversure's own snippet, once per idempotency key", async () => {
    for (const _ of ['first click', 'second click']) {
      const response = await operator.submit('/', 'Enqueue a demo job');
      expect([response.status, response.headers.get('location')]).toEqual([303, '/jobs']);
    }
    const { rows } = await sql.query(
      `select payload, priority, max_attempts, idempotency_key, due_at > now() + interval '20 seconds' as waits
       from jobqueue.live_jobs where type = 'ai_generation'`,
    );
    expect(rows).toEqual([
      {
        payload: { conversationId: 'conv_123', messageId: 'msg_456', companyId: 'comp_789' },
        priority: 5,
        max_attempts: 3,
        idempotency_key: 'unique_key_123',
        waits: true,
      },
    ]);
    expect(await (await operator.get('/jobs?status=PENDING')).text()).toContain('ai_generation');
  });

  test.each<[string, Record<string, string>]>([
    ['without an Origin', {}],
    ['from another site', { origin: 'https://evil.example' }],
  ])('refuses a form %s', async (_, headers) => {
    const response = await operator.submit('/', 'Enqueue a demo job', { headers });
    expect(response.status).toBe(403);
  });

  test('refuses a stranger who replays the form', async () => {
    const form = await operator.form('/', 'Enqueue a demo job');
    expect((await openBrowser(app.url).post('/', form)).status).toBe(401);
  });
});

describe('the pages', () => {
  test.each([
    '/',
    '/jobs',
    '/jobs/1',
    '/dead-letters',
    '/schedules',
    '/ticks',
    '/incident',
    '/audit',
    '/campaigns/new',
    '/companies',
    '/companies/some-company',
    '/drafts',
    '/drafts/1',
    '/opt-outs',
    '/opt-outs/file',
    '/templates',
    '/imports',
    '/imports/some-import',
  ])('%s shows nothing to a stranger', async (path) => {
    const response = await openBrowser(app.url).get(path);
    expect(response.status).toBe(303);
    expect(response.headers.get('location')).toMatch(/^(https?:\/\/[^/]+)?\/login/);
    expect(await response.text()).not.toContain('ai_generation');
  });

  test("a customer's text that looks like markup stays text", async () => {
    const hostile = '<script>alert(1)</script>';
    const { rows } = await sql.query(
      `insert into jobqueue.job_history (id, status, created_at, due_at, fence, attempt, max_attempts, priority, queue, type, payload, errors)
       values (nextval('jobqueue.jobs_id_seq'), 'DEAD_LETTER', now(), now(), 1, 1, 1, 0, 'default', 'crm_sync', $1::jsonb, $2::jsonb)
       returning id::text`,
      [
        JSON.stringify({ companyId: hostile }),
        JSON.stringify([{ name: 'Error', message: hostile, attempt: 1, at: new Date().toISOString() }]),
      ],
    );
    const page = await (await operator.get(`/jobs/${rows[0].id}`)).text();
    expect(page).not.toContain(hostile);
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  });

  test('every script on a page carries the nonce of its own response', async () => {
    const pages = await Promise.all([operator.get('/'), operator.get('/')]);
    const nonces = pages.map(
      ({ headers }) => /'nonce-([^']+)'/.exec(headers.get('content-security-policy') ?? '')?.[1],
    );
    expect(new Set(nonces).size).toBe(2);
    const scripts = (await pages[0]?.text())?.match(/<script\b[^>]*>/g) ?? [];
    expect(scripts.length).toBeGreaterThan(0);
    expect(scripts.filter((script) => !script.includes(`nonce="${nonces[0]}"`))).toEqual([]);
  });

  test('an unknown job or import is a 404, and a filter that makes no sense is none', async () => {
    expect((await operator.get('/jobs/999999999')).status).toBe(404);
    expect((await operator.get('/jobs/zero')).status).toBe(404);
    expect((await operator.get('/imports/%00')).status).toBe(404);
    expect((await operator.get('/drafts/%00')).status).toBe(404);
    expect((await operator.get('/drafts/999999999')).status).toBe(404);
    expect((await operator.get('/imports/%00/errors')).status).toBe(404);
    expect((await operator.get('/companies/%00')).status).toBe(404);
    expect((await operator.get('/companies/nobody')).status).toBe(404);
    expect((await operator.get('/jobs?status=FAILED&from=yesterday&queue=%00&ids=x')).status).toBe(200);
    const odd = [
      '/jobs?after=WyIxIl0x',
      '/campaigns?company=%00',
      '/campaigns/new?company=%00&template=%00&kept=%00',
      '/opt-outs?company=%00&search=%00&source=x&from=yesterday&after=1_x&lift=0',
      '/companies?search=%00&after=%00&kept=x',
      '/drafts?company=%00&after=x',
      '/templates?company=%00&after=x',
      `/ticks?before=${'-'.repeat(36)}`,
      '/audit?before=0',
    ];
    for (const path of [...odd, '/jobs?status=PENDING&from=0000-01-01T00:00Z&until=9999-12-31T23:59'])
      expect([path, (await operator.get(path)).status]).toEqual([path, 200]);
    const long = await operator.get(`/jobs?${'a'.repeat(14_400)}`);
    expect([long.status, long.headers.get('location')]).toEqual([303, '/jobs']);
  });

  test('no stranger has images resized', async () => {
    expect((await fetch(`${app.url}/_next/image?url=%2Ficon.svg&w=64&q=75`)).status).toBe(404);
  });

  test.each([
    ['malformed', { 'content-type': 'multipart/form-data; boundary=x' }, '--x\r\nfoo', 400],
    ['without its boundary', { 'content-type': 'multipart/form-data' }, 'foo', 400],
    ['too large', { 'content-type': 'text/plain' }, 'x'.repeat(20_000), 413],
  ])('a form that is %s is the sender’s fault', async (_, headers, body, status) => {
    const origin = new URL(app.url).origin;
    const inChunks = new Blob([body]).stream(); // without a content-length
    const init = { method: 'POST', headers: { ...headers, origin }, duplex: 'half' } as RequestInit;
    expect((await fetch(`${app.url}/login`, { ...init, body })).status).toBe(status);
    expect((await fetch(`${app.url}/login`, { ...init, body: inChunks })).status).toBe(status);
  });

  const MULTIPART = 'multipart/form-data; boundary=----part';
  const SIGN_IN = 'name="_1__do"\r\n\r\nsign-in';
  const ONE_FORM = 'name="0"\r\n\r\n["$K1"]';
  const parts = (...bodies: string[]) =>
    `${bodies.map((body) => `------part\r\nContent-Disposition: form-data; ${body}\r\n`).join('')}------part--\r\n`;

  test.each<[string, string, string, number]>([
    ['its form', MULTIPART, parts(SIGN_IN, 'name="_1_name"\r\n\r\nann', ONE_FORM), 200],
    [
      'its form with a file',
      MULTIPART,
      parts(SIGN_IN, 'name="_1_f"; filename="a"\r\nContent-Type: a/b\r\n\r\nx', ONE_FORM),
      200,
    ],
    ['no JSON', MULTIPART, parts('name="0"\r\n\r\ngarbage'), 400],
    ['no argument', MULTIPART, parts('name="_1_name"\r\n\r\nann'), 400],
    ['another argument', MULTIPART, parts('name="0"\r\n\r\n["a"]'), 400],
    ['a reference to nothing', MULTIPART, parts('name="0"\r\n\r\n["$F9"]'), 400],
    ['two arguments', MULTIPART, parts(ONE_FORM, 'name="0"\r\n\r\ngarbage'), 400],
    ['a file for an argument', MULTIPART, parts('name="0"; filename="0"\r\nContent-Type: a/b\r\n\r\n["$K1"]'), 400],
    [
      'an argument in UTF-16',
      MULTIPART,
      parts('name="0"\r\nContent-Type: text/plain; charset=utf-16le\r\n\r\n["$K1"]'),
      400,
    ],
    [
      'a file in base64',
      MULTIPART,
      parts('name="_1_f"; filename="a"\r\nContent-Transfer-Encoding: base64\r\n\r\naGk=', ONE_FORM),
      400,
    ],
    ['nothing', MULTIPART, '------part--\r\n', 400],
    ['a form under a type in capitals', MULTIPART.replace('m', 'M'), parts(ONE_FORM), 400],
    ['a form under a type that is none', 'multipart/form-dataX; boundary=----part', parts(ONE_FORM), 400],
    ['text', 'text/plain', 'garbage', 400],
    ['text without arguments', 'text/plain', '[]', 400],
    ['a form in another encoding', 'application/x-www-form-urlencoded; charset=utf-8', '0=garbage', 400],
  ])(
    'an action that a script sends with %s is answered, or refused as the sender’s fault',
    async (_, type, body, status) => {
      const [action = ''] = [...(await openBrowser(app.url).form('/login', 'Sign in')).keys()];
      const headers = { 'content-type': type, origin: new URL(app.url).origin };
      const send = (id: string, path = '/login') =>
        fetch(`${app.url}${path}`, { method: 'POST', headers: { ...headers, 'next-action': id }, body });
      const id = action.slice('$ACTION_ID_'.length);
      expect((await send(id)).status).toBe(status);
      expect((await send(id, '/favicon.ico')).status).toBe(401); // no file of ours, so a page that is not found
      for (const unknown of ['toString', `40${'f'.repeat(40)}`])
        expect([400, 409]).toContain((await send(unknown)).status);
    },
  );

  test.each<[string, (id: string) => string[]]>([
    ['no JSON', () => ['garbage']],
    ['half of one', (id) => [`{"id":"${id}"`]],
    ['a reference to nothing', (id) => [`{"id":"${id}","bound":"$F9"}`]],
    ['a promise of no JSON', (id) => [`{"id":"${id}","bound":"$@1"}`, 'garbage']],
  ])('a form whose bound action is %s is refused', async (_, fields) => {
    const [action = ''] = [...(await openBrowser(app.url).form('/login', 'Sign in')).keys()];
    const form = new FormData();
    form.set('$ACTION_REF_1', '');
    for (const [n, field] of fields(action.slice('$ACTION_ID_'.length)).entries()) form.set(`$ACTION_1:${n}`, field);
    expect((await openBrowser(app.url).post('/login', form)).status).toBe(400);
  });

  test('an action of the console that a script sends is done, and refused if the console has none of its name', async () => {
    const [action = ''] = [...(await operator.form('/', 'Sign out')).keys()];
    const headers = {
      origin: new URL(app.url).origin,
      'next-action': action.slice('$ACTION_ID_'.length),
      'content-type': MULTIPART,
    };
    const send = (name: string) =>
      fetch(`${app.url}/login`, {
        method: 'POST',
        headers,
        body: parts(`name="_1__do"\r\n\r\n${name}`, ONE_FORM),
        redirect: 'manual',
      });
    expect((await send('sign-out')).headers.get('x-action-redirect')).toContain('/login');
    for (const unknown of ['none', 'toString', '__proto__']) expect((await send(unknown)).status).toBe(404);
  });
});

describe('the login', () => {
  test('answers a cookie that no script can read, that other sites cannot send, and that ends', async () => {
    const response = await openBrowser(app.url).signIn(OPERATOR_SECRET);
    expect(response.headers.get('location')).toBe('/');
    const [cookie = ''] = response.headers.getSetCookie();
    expect(cookie).toMatch(/^jobqueue=/); // over TLS, or from anywhere but this machine: __Host-jobqueue with Secure
    expect(cookie).toMatch(/HttpOnly/i);
    expect(cookie).toMatch(/SameSite=Strict/i);
    expect(cookie).toMatch(/Expires=/i);
    expect(cookie).not.toContain(OPERATOR_SECRET);
  });

  test('is Secure wherever the request says that it came over TLS', async () => {
    const stranger = openBrowser(app.url);
    const form = await stranger.form('/login', 'Sign in');
    form.set('name', 'ann');
    form.set('secret', OPERATOR_SECRET);
    const headers = {
      origin: 'https://queue.example',
      'x-forwarded-host': 'queue.example',
      'x-forwarded-proto': 'https',
    };
    const [cookie = ''] = (await stranger.post('/login', form, headers)).headers.getSetCookie();
    expect(cookie).toMatch(/^__Host-jobqueue=.*Secure/i);
  });

  test('refuses a wrong secret, leads to no other site, and stands in the audit log', async () => {
    const stranger = openBrowser(app.url);
    const wrong = await stranger.signIn('wrong-secret-0123456789');
    expect(wrong.headers.get('location')).toContain('refused=secret_wrong');
    expect((await stranger.get('/')).status).toBe(303);
    const away = await stranger.submit('/login?next=%2F%2Fevil.example', 'Sign in', {
      fields: { name: 'bob', secret: OPERATOR_SECRET },
    });
    expect(away.headers.get('location')).toBe('/');
    const { rows } = await sql.query(
      "select actor, details from jobqueue.audit_log where action = 'login' order by id desc limit 1",
    );
    expect(rows).toEqual([{ actor: 'bob', details: { role: 'operator' } }]);
  });

  test('lets a right secret in at once while strangers try wrong ones, who wait, and whose tries are stored nowhere', async () => {
    const form = await openBrowser(app.url).form('/login', 'Sign in');
    form.set('name', 'eve');
    form.set('secret', 'wrong-secret-0123456789');
    const headers = { origin: new URL(app.url).origin, 'x-forwarded-for': '198.51.100.7' };
    const tookMs: number[] = [];
    const strangers = Array.from({ length: 90 }, async () => {
      const startMs = performance.now();
      const response = await openBrowser(app.url).post('/login', form, headers);
      expect(response.headers.get('location')).toContain('refused=secret_wrong');
      tookMs.push(performance.now() - startMs);
    });
    const people = Array.from({ length: 20 }, () => openBrowser(app.url).signIn(OPERATOR_SECRET));
    expect((await Promise.all(people)).map(({ headers }) => headers.get('location'))).toEqual(Array(20).fill('/'));
    await Promise.all(strangers);
    expect(tookMs.filter((ms) => ms >= 1_000).length).toBeGreaterThanOrEqual(20); // sixty of all that were tried in this file are free
    expect((await sql.query('select key from jobqueue.buckets')).rows).toEqual([]);
  });

  test('works while the database takes no writes: every page shows, and an action says that it was refused', async () => {
    const name = new URL(db.url).pathname.slice(1);
    const reconnect = `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}' and pid <> pg_backend_pid()`;
    await sql.query(`alter database ${name} set default_transaction_read_only = on`);
    try {
      await sql.query(reconnect);
      const someone = openBrowser(app.url);
      const response = await someone.signIn(OPERATOR_SECRET, 'olga');
      expect([response.status, response.headers.get('location')]).toEqual([303, '/']);
      const pages = [
        '/',
        '/jobs',
        '/jobs/1',
        '/dead-letters',
        '/incident',
        '/schedules',
        '/ticks',
        '/campaigns',
        '/companies',
        '/opt-outs',
        '/templates',
        '/drafts',
        '/imports',
        '/audit',
      ];
      const shown = await Promise.all(pages.map(async (page) => [page, (await someone.get(page)).status]));
      expect(shown).toEqual(pages.map((page) => [page, 200]));
      expect(await (await someone.get('/')).text()).toContain('read-only transaction (25006)');
      const refused = await someone.submit('/', 'Enqueue a demo job');
      expect(refused.headers.get('location')).toBe('/?refused=database_refused');
      expect((await sql.query("select 1 from jobqueue.audit_log where actor = 'olga'")).rows).toEqual([]);
    } finally {
      await sql.query(`alter database ${name} reset default_transaction_read_only`);
      await sql.query(reconnect);
    }
  });

  test('leads where it was asked to in any alphabet', async () => {
    const next = encodeURIComponent('/jobs?search=заявка 1');
    const response = await openBrowser(app.url).submit(`/login?next=${next}`, 'Sign in', {
      fields: { name: 'ann', secret: OPERATOR_SECRET },
    });
    expect(response.headers.get('location')).toBe('/jobs?search=%D0%B7%D0%B0%D1%8F%D0%B2%D0%BA%D0%B0%201');
  });

  test('ends with the logout, and shows a viewer everything but the buttons', async () => {
    const viewer = openBrowser(app.url);
    await viewer.signIn(VIEWER_SECRET, 'vera');
    const page = await (await viewer.get('/incident')).text();
    expect(page).toContain('viewer, read only');
    expect(page).not.toContain('>Pause</button>');
    const form = await operator.form('/', 'Enqueue a demo job');
    expect((await viewer.post('/', form)).headers.get('location')).toBe('/?refused=read_only');
    const { rows } = await sql.query("select 1 from jobqueue.audit_log where actor = 'vera' and action = 'demo'");
    expect(rows).toEqual([]);
    const out = await viewer.submit('/', 'Sign out');
    expect(out.headers.get('location')).toBe('/login');
    expect((await viewer.get('/')).status).toBe(303);
  });
});

describe('an import through the form', () => {
  beforeAll(async () => {
    await sql.query(
      "insert into companies (id, name) select id, id from unnest('{comp_789,comp_ask,comp_undo}'::text[]) id",
    );
  });

  test('is enqueued, kicked behind the answer, and shown with its counts', async () => {
    const file = new File(['name,phone\nAmal,0501234567\nOmar,not a number\n'], 'leads.csv', { type: 'text/csv' });
    const sent = await operator.submit('/imports', 'Import', { fields: { companyId: 'comp_789', file } });
    expect(sent.status).toBe(303);
    const page = sent.headers.get('location') ?? '';
    expect(page).toMatch(/^\/imports\/[^/]+$/);

    const shown = async () => (await operator.get(page)).text();
    await vi.waitFor(async () => expect(await shown()).toContain('completed'), { timeout: 20_000, interval: 200 });
    expect(await (await operator.get(`${page}/errors`)).text()).toContain('not a number');
    expect(await shown()).toContain(`/campaigns/new?company=comp_789&amp;import=${page.split('/').at(-1)}`);
  });

  /** The last row of a file in a Windows encoding makes it wait for an answer. */
  const windows = new File([Buffer.from('Name;Kontakt\nJ\xfcrgen;0507654321\nAmal;x\n', 'latin1')], 'kontakte.csv');

  test('in another encoding waits, shows what it would do, and goes on as it is answered', async () => {
    const fields = { companyId: 'comp_ask', file: windows, preview: '1' };
    const page = (await operator.submit('/imports', 'Import', { fields })).headers.get('location') ?? '';
    const shown = async (query = '') => (await operator.get(`${page}${query}`)).text();
    await vi.waitFor(async () => expect(await shown()).toContain('Before it starts'), {
      timeout: 20_000,
      interval: 200,
    });

    expect(await shown()).toMatch(/a guess/);
    const tried = await shown('?encoding=windows-1252&column-2=phone&column-1=name&dryRun=0');
    expect(tried).toContain('Jürgen');
    expect(tried).toContain('created');
    expect(await shown('?encoding=windows-1251')).not.toContain('Jürgen');
    expect(await shown('?encoding=none-such')).toContain('role="alert"');

    const answer = { encoding: 'windows-1252', 'column-1': 'name', 'column-2': 'phone', tags: 'fair' };
    const refused = await operator.submit(page, 'Start the import', { fields: answer, headers: {} });
    expect(refused.status).toBe(403);
    const confirmed = await operator.submit(page, 'Start the import', { fields: answer });
    expect([confirmed.status, confirmed.headers.get('location')]).toEqual([303, page]);
    await vi.waitFor(async () => expect(await shown()).toContain('completed'), { timeout: 20_000, interval: 200 });
    const { rows } = await sql.query("select name, tags from leads where company_id = 'comp_ask'");
    expect(rows).toEqual([{ name: 'Jürgen', tags: ['fair'] }]);
  });

  test('is taken back by its button, and says what was kept', async () => {
    const file = new File(['Phone,Name\n0501000001,Ali\n0501000002,Omar\n'], 'two.csv', { type: 'text/csv' });
    const sent = await operator.submit('/imports', 'Import', { fields: { companyId: 'comp_undo', file } });
    const page = sent.headers.get('location') ?? '';
    const shown = async () => (await operator.get(page)).text();
    await vi.waitFor(async () => expect(await shown()).toContain('completed'), { timeout: 20_000, interval: 200 });
    await sql.query("update leads set name = 'Ali H' where company_id = 'comp_undo' and name = 'Ali'");
    const undo = await operator.submit(page, 'Take back what it created');
    expect([undo.status, undo.headers.get('location')]).toEqual([303, page]);
    await vi.waitFor(async () => expect(await shown()).toContain('undone'), { timeout: 20_000, interval: 200 });
    expect(await shown()).toContain('kept: <!-- -->changed');
    expect(await (await operator.get(`${page}/kept`)).text()).toContain('+971501000001');
    expect((await sql.query("select name from leads where company_id = 'comp_undo'")).rows).toEqual([
      { name: 'Ali H' },
    ]);
    expect((await openBrowser(app.url).get(`${page}/kept`)).status).toBe(303);
  });

  test('waits for the tick where nobody kicked', async () => {
    await sql.query(`select jobqueue.add_job('lead_import', '{"companyId":"comp_789","importId":"none"}')`);
    const tick = await fetch(new URL('/api/cron/drain', app.url), {
      headers: { authorization: `Bearer ${CRON_SECRET}` },
    });
    expect([tick.status, await tick.json()]).toMatchObject([200, { claimed: 1, deadLettered: 1 }]);
  });

  test('without a file says so on the page, and stores nothing', async () => {
    const before = await sql.query('select count(*) from imports');
    const response = await operator.submit('/imports', 'Import', { fields: { companyId: 'comp_789' } });
    expect(response.headers.get('location')).toBe('/imports?refused=request_invalid');
    expect(await (await operator.get('/imports?refused=request_invalid')).text()).toContain('role="alert"');
    expect((await sql.query('select count(*) from imports')).rows).toEqual(before.rows);
  });

  test('offers the companies that there are, and begins with the one that the address names', async () => {
    const shown = await (await operator.get('/imports?company=comp_789')).text();
    expect(shown).toMatch(/<input[^>]*name="companyId"[^>]*value="comp_789"/);
    expect(shown).toContain('<option value="comp_789">');
  });

  test.each([
    ['that the API could never name', 'Acme & Sons'],
    ['that Postgres cannot store', 'acme\0'],
  ])('for a company %s is refused on the page', async (_, companyId) => {
    const file = new File(['Phone\n'], 'leads.csv', { type: 'text/csv' });
    const response = await operator.submit('/imports', 'Import', { fields: { companyId, file } });
    expect(response.headers.get('location')).toBe('/imports?refused=request_invalid');
  });

  test.each([
    ['just above the limit', 4 * 1024 * 1024 + 1],
    ['far above it', 12 * 1024 * 1024],
  ])('of a file %s is refused on the page, not by a crash', async (_, size) => {
    const file = new File([new Uint8Array(size)], 'large.csv', { type: 'text/csv' });
    const response = await operator.submit('/imports', 'Import', { fields: { companyId: 'comp_789', file } });
    expect([response.status, response.headers.get('location')]).toEqual([303, '/imports?refused=file_too_large']);
  });
});

describe('/api, self-hosted', () => {
  const ask = (path: string, init: RequestInit = {}) => fetch(new URL(path, app.url), init);

  test('answers the tick by GET and POST, only with the secret', async () => {
    const headers = { authorization: `Bearer ${CRON_SECRET}` };
    expect((await ask('/api/cron/drain', { headers })).status).toBe(200);
    expect((await ask('/api/cron/drain', { method: 'POST', headers })).status).toBe(200);
    expect((await ask('/api/cron/drain')).status).toBe(401);
  });

  test('closes what has no secret', async () => {
    const response = await ask('/api/jobs?id=1', { headers: { authorization: 'Bearer undefined' } });
    expect([response.status, await response.json()]).toMatchObject([503, { error: { code: 'not_configured' } }]);
  });

  test('says health to everyone', async () => {
    const response = await ask('/api/health');
    expect([response.status, await response.json()]).toMatchObject([200, { status: 'ok' }]);
  });

  test('answers 404 and 405 in JSON', async () => {
    const missing = await ask('/api/constructor');
    expect([missing.status, await missing.json()]).toMatchObject([404, { error: { code: 'not_found' } }]);
    const wrong = await ask('/api/cron/drain', { method: 'DELETE' });
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, POST']);
    expect(await wrong.json()).toMatchObject({ error: { code: 'method_not_allowed' } });
  });
});

/** No fault, and nothing told. */
function expectSilent(answer: Answer): void {
  expect(answer.status, answer.text).toBeLessThan(500);
  expectNothingTold(answer);
}

/** Neither a stack nor a secret. */
function expectNothingTold({ text }: Answer): void {
  expect(text).not.toMatch(/\bat \S+ \(|\.ts:\d+|node_modules|postgres:\/\//);
  for (const secret of [OPERATOR_SECRET, VIEWER_SECRET, CRON_SECRET, new URL(db.url).password])
    expect(text).not.toContain(secret);
}

describe('a server action that somebody calls by its id', () => {
  const CONFIDENTIAL = 'confidential-of-the-company';
  const ACTIONS = [
    '$$RSC_SERVER_ACTION_0',
    'addOptOut',
    'changeSettings',
    'checkOfCompany',
    'confirmImport',
    'createCompany',
    'decide',
    'enqueueDemoJob',
    'importLeads',
    'liftOptOut',
    'lookAtCampaign',
    'makeCampaign',
    'resumeOfCompany',
    'resumePaused',
    'steerCampaign',
    'steerImport',
    'syncTemplates',
  ];
  /** Would do something if an operator sent it: each action finds its own fields. */
  const FORM = {
    _do: 'pause',
    id: 'called-by-id',
    name: CONFIDENTIAL,
    country: 'AE',
    timeZone: 'Asia/Dubai',
    company: 'comp_789',
    companyId: 'comp_789',
    reason: 'x',
    target: 'type',
    type: 'crm_sync',
    person: '+971501234567',
    scope: 'all',
  };

  let ids: ReadonlyMap<string, string>;
  let form: Encoded;
  let written: () => Promise<string[]>;
  let cookies: Readonly<Record<'operator' | 'viewer', string>>;

  beforeAll(async () => {
    ids = actionIds();
    form = await encoded([formOf(FORM)]);
    await sql.query('insert into companies (id, name) values ($1, $1) on conflict do nothing', [CONFIDENTIAL]);
    cookies = { operator: await cookieOf(OPERATOR_SECRET), viewer: await cookieOf(VIEWER_SECRET) };
    written = await tellWrites(sql);
  });

  const own = () => new URL(app.url).origin;

  /** Called as the script of the login's page calls it. */
  async function cookieOf(secret: string): Promise<string> {
    const { type, body } = await encoded([formOf({ _do: 'sign-in', name: 'ann', secret })]);
    const headers = { origin: own(), 'content-type': type, 'next-action': idOf('$$RSC_SERVER_ACTION_0') };
    const { headers: answered } = await send(app.url, { path: '/login', headers, body });
    return answered['set-cookie']?.[0]?.split(';')[0] ?? '';
  }

  const idOf = (name: string) => ids.get(name) ?? '';
  const call = (id: string, headers: Record<string, string | string[]> = {}, { type, body } = form) =>
    send(app.url, {
      headers: { origin: own(), 'content-type': type, 'next-action': id, cookie: cookies.operator, ...headers },
      body,
    });

  /** Refused before anybody looked at what it asks for. */
  async function expectRefused(answer: Answer, status: number, code: string): Promise<void> {
    expectSilent(answer);
    expect([answer.status, answer.text]).toMatchObject([status, expect.stringContaining(`{"code":"${code}",`)]);
    expect(answer.text).not.toContain(CONFIDENTIAL);
    expect(await written()).toEqual([]);
  }

  test('is one of those that the build has, each of them asked below', () => {
    expect([...ids.keys()].sort()).toEqual(ACTIONS);
  });

  describe.each(ACTIONS)('%s', (name) => {
    test('does nothing that a stranger, another site or a viewer asks for', async () => {
      const forged = `jobqueue=${cookies.operator.split('=')[1]?.slice(0, -4)}AAAA`;
      for (const cookie of ['', 'jobqueue=', forged, `__Host-${cookies.operator}`])
        await expectRefused(await call(idOf(name), { cookie }), 401, 'unauthorized');
      const foreign = [
        'https://other.example',
        'null',
        '',
        'http://',
        'file:///',
        own().replace('127.0.0.1', 'localhost'),
      ];
      for (const origin of foreign) await expectRefused(await call(idOf(name), { origin }), 403, 'origin_refused');
      const { headers, ...answer } = await call(idOf(name), { cookie: cookies.viewer });
      expectSilent({ headers, ...answer });
      expect([answer.status, headers['x-action-redirect']]).toEqual([
        200,
        expect.stringMatching(/[?&]refused=read_only/),
      ]);
      expect(await written()).toEqual([]);
    });
  });

  test.each<[string, Record<string, string | string[]>]>([
    ['of another host', { host: 'other.example' }],
    ['of no host, to none', { origin: 'file:///', host: '' }],
    ['of no host, through a proxy that names none', { origin: 'file:///', 'x-forwarded-host': '' }],
    ['of two hosts that a proxy names in one', { origin: 'https://a,b', 'x-forwarded-host': 'a,b' }],
    ['of the second host that a proxy names', { origin: 'https://b', 'x-forwarded-host': 'a, b' }],
    ['of two', { origin: ['https://other.example', 'https://other.example'] }],
  ])('with the Origin %s is refused', async (_, headers) => {
    await expectRefused(await call(idOf('createCompany'), headers), 403, 'origin_refused');
  });

  test('through two proxies is taken for the host that the outer one names', async () => {
    const headers = { origin: 'https://queue.example', 'x-forwarded-host': 'queue.example, inner.example' };
    // Over TLS the cookie has another name: this one is a stranger's.
    await expectRefused(await call(idOf('createCompany'), headers), 401, 'unauthorized');
  });

  test.each<[string, string | string[]]>([
    ['nothing', ''],
    ['a name of every object', 'toString'],
    ['a path', '../../app/page'],
    ['an id that the build does not have', `40${'f'.repeat(40)}`],
    ['an id and more', `{id}#default`],
    ['two ids', ['{id}', '{id}']],
    ['an id in capitals', '{ID}'],
    ['a text of 8,000 characters', 'f'.repeat(8_000)],
  ])('whose id is %s is not found', async (_, id) => {
    const known = idOf('createCompany');
    const filled = [id].flat().map((one) => one.replace('{id}', known).replace('{ID}', known.toUpperCase()));
    const answer = await call(filled.join(', '));
    expectSilent(answer);
    expect([400, 409]).toContain(answer.status);
    expect(await written()).toEqual([]);
  });

  test('from a page that does not have it is done once, and not at all if it says that it was forwarded', async () => {
    const forwarded = await call(idOf('createCompany'), { 'x-action-forwarded': '1' });
    expect([forwarded.status, await written()]).toEqual([409, []]);
    const answer = await call(idOf('createCompany'));
    expect([answer.status, answer.headers['x-action-redirect']]).toEqual([
      200,
      expect.stringContaining('/companies/called-by-id'),
    ]);
    expect(await written()).toEqual(['jobqueue.audit_log', 'public.companies', 'public.company_settings']);
    expect((await sql.query("select name from companies where id = 'called-by-id'")).rows).toEqual([
      { name: CONFIDENTIAL },
    ]);
  });

  const nested = (depth: number): unknown => (depth === 0 ? 'x' : [nested(depth - 1)]);
  test.each<[string, () => readonly unknown[]]>([
    ['no argument', () => []],
    ['two forms', () => [formOf(FORM), formOf(FORM)]],
    ['a form and a text', () => [formOf(FORM), 'x']],
    ['2,000 arguments', () => Array(2_000).fill('x')],
    ['a text', () => ['x']],
    ['nothing', () => [null]],
    ['undefined', () => [undefined]],
    ['an object', () => [FORM]],
    ['a list with a form', () => [[formOf(FORM)]]],
    ['lists in 500 lists', () => [nested(500)]],
    ['a map', () => [new Map(Object.entries(FORM))]],
    ['a set', () => [new Set(['x'])]],
    ['a number of 300 digits', () => [BigInt(`1${'0'.repeat(300)}`)]],
    ['a date', () => [new Date(0)]],
    ['bytes', () => [new Uint8Array([1, 2, 3])]],
    ['a file', () => [new File(['x'], 'x.csv')]],
    ['a promise', () => [Promise.resolve('x')]],
    ['an iterable', () => [[1, 2][Symbol.iterator]()]],
  ])('with %s, as React encodes it, is refused', async (_, args) => {
    const answer = await call(idOf('createCompany'), {}, await encoded(args()));
    await expectRefused(answer, 400, 'form_invalid');
  });

  test('with any bytes is the sender’s fault, or taken for the form that it is', async () => {
    const at = fc.nat({ max: form.body.length - 1 });
    const broken = fc.oneof(
      at.map((end) => form.body.subarray(0, end)),
      fc
        .tuple(at, fc.uint8Array({ maxLength: 40 }))
        .map(([from, more]) => Buffer.concat([form.body.subarray(0, from), more, form.body.subarray(from)])),
      fc.tuple(at, at).map(([a, b]) => Buffer.concat([form.body.subarray(0, a), form.body.subarray(b)])),
      fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
      fc.json().map((text) => Buffer.from(text)),
    );
    const types = fc.oneof(
      { weight: 4, arbitrary: fc.constant(form.type) },
      {
        weight: 1,
        arbitrary: fc.constantFrom('text/plain;charset=UTF-8', 'application/json', 'multipart/form-data', ''),
      },
    );
    const someone = fc.constantFrom('operator' as const, 'viewer' as const, 'stranger' as const);
    await fc.assert(
      fc.asyncProperty(broken, types, someone, fc.constantFrom(...ACTIONS), async (body, type, who, name) => {
        await written();
        const cookie = who === 'stranger' ? '' : cookies[who];
        const answer = await call(idOf(name), { cookie }, { type, body });
        expectSilent(answer);
        if (who === 'stranger') expect(answer.status).toBe(401);
        const mayWrite = who === 'operator' && answer.status === 200;
        if (!mayWrite) expect(await written()).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  test('without a script by two ids, or by one for a form that the console does not have, is refused', async () => {
    const { operator: cookie } = cookies;
    const submit = (fields: Record<string, string>) => {
      const response = new Response(formOf(fields));
      return response.arrayBuffer().then((bytes) =>
        send(app.url, {
          path: '/companies',
          headers: { origin: own(), cookie, 'content-type': response.headers.get('content-type') ?? '' },
          body: Buffer.from(bytes),
        }),
      );
    };
    const named = (name: string) => ({ [`$ACTION_ID_${idOf(name)}`]: '' });
    await written();
    await expectRefused(
      await submit({ ...named('createCompany'), ...named('$$RSC_SERVER_ACTION_0') }),
      400,
      'form_invalid',
    );
    const unknown = await submit({ ...named('$$RSC_SERVER_ACTION_0'), _do: 'none' });
    expectSilent(unknown);
    expect(unknown.status).toBe(404);
    expect(await written()).toEqual([]);
  });
});

test.each([
  ['that no text encodes to', '/%', 400],
  ['that no text encodes to, deep in a page', '/companies/%E0%A4%A', 400],
  ['that no text encodes to, among the static files', '/_next/static/%', 400],
  ['that is longer than any of ours', `/${'a'.repeat(14_400)}`, 414],
])('an address %s is the sender’s fault', async (_, path, status) => {
  for (const asking of [operator, openBrowser(app.url)]) expect((await asking.get(path)).status).toBe(status);
});

test.each<[string, string, Record<string, string>]>([
  ['an unreadable state of its router', '/login', { rsc: '1', 'next-router-state-tree': 'none' }],
  ['an address that is a star', '*', {}],
])('what Next.js answers by itself to %s tells nothing', async (_, path, headers) => {
  const first = await send(app.url, { method: 'GET', path, headers });
  const to = first.headers.location ?? path; // it asks for its own hash of the headers first
  expectNothingTold(await send(app.url, { method: 'GET', path: to, headers }));
});
