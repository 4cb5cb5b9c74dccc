/**
 * `npm run test:deploy`: builds the last commit as the platform does, compares each function with its budget, and runs each alone, over PostgreSQL
 * and over Neon's protocols, with real requests. Prints a table of sizes and cold starts at its end. See README.md.
 */
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Browser, openBrowser } from '../app/browser.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { type NeonEndpoint, neonEndpoint } from '../support/neon-endpoint.ts';
import { BUDGETS } from './budgets.ts';
import { type ColdStart, coldStart, FIRST_REQUESTS, tableOf } from './cold-starts.ts';
import type { Environment } from './function-process.ts';
import { type Platform, startPlatform } from './platform.ts';
import { buildForPlatform, type Deployment, platformNode } from './platform-build.ts';
import { budgetViolations, cronViolations } from './violations.ts';

const CRON_SECRET = 'cron-secret-0123456789';
const OPERATOR_SECRET = 'operator-secret-0123456789';
const VIEWER_SECRET = 'viewer-secret-0123456789';
const QUEUE_API_KEY = 'queue-key-0123456789';
const METRICS_SECRET = 'metrics-secret-0123456789';
const WHATSAPP_APP_SECRET = 'app-secret-0123456789';
const WHATSAPP_VERIFY_TOKEN = 'verify-token-0123456789';
const SECRETS = {
  CRON_SECRET,
  OPERATOR_SECRET,
  VIEWER_SECRET,
  QUEUE_API_KEY,
  METRICS_SECRET,
  WHATSAPP_APP_SECRET,
  WHATSAPP_VERIFY_TOKEN,
  SECRETS_KEY: Buffer.alloc(32, 7).toString('base64url'),
};
/** An install, a build and a cold start of each function, on a machine whose processors are taken. */
const BUILD_MS = 1_800_000;
/** The first request of a test starts a process. */
const REQUEST_MS = 60_000;
/** Cold starts of each kind; the table shows their median. */
const ROUNDS = 3;

const coldStarts: ColdStart[] = [];
let deployment: Deployment;
let node: string;
beforeAll(async () => {
  node = await platformNode();
  deployment = await buildForPlatform(process.env.DEPLOY_REVISION ?? 'HEAD');
}, BUILD_MS);
afterAll(() => {
  if (coldStarts.length === 0) return;
  const title = `Functions of ${deployment.commit}; medians of ${ROUNDS} cold starts.`;
  process.stdout.write(`\n${title}\n\n${tableOf(deployment.functions, coldStarts)}\n`);
});

describe('the build', () => {
  test('keeps the budget of each function', () => {
    expect(budgetViolations(deployment, BUDGETS)).toEqual([]);
  });

  test('has the crons of vercel.json, and each leads to a function', () => {
    const { crons } = JSON.parse(readFileSync('vercel.json', 'utf8'));
    expect(crons.length).toBeGreaterThan(0);
    expect(cronViolations(deployment, crons)).toEqual([]);
  });
});

describe.each(['postgres', 'neon'] as const)('the deployment over %s', { timeout: REQUEST_MS }, (driver) => {
  let db: TestDatabase;
  let sql: pg.Client;
  let neon: NeonEndpoint | undefined;
  let environment: Environment;
  let platform: Platform;
  let operator: Browser;
  beforeAll(async () => {
    db = await freshDatabase();
    sql = new pg.Client(db.url);
    await sql.connect();
    neon = driver === 'neon' ? await neonEndpoint(db.url) : undefined;
    environment = environmentFor(node, db.url, neon?.origin);
    platform = await startPlatform(deployment, environment);
    operator = openBrowser(platform.url);
  }, REQUEST_MS);
  afterAll(async () => {
    await platform?.stop();
    await neon?.close();
    await sql?.end();
    await db?.drop();
  });

  const ask = (path: string, { secret, ...init }: RequestInit & { secret?: string } = {}) =>
    fetch(new URL(path, platform.url), {
      ...init,
      redirect: 'manual',
      headers: { ...(secret && { authorization: `Bearer ${secret}` }), ...init.headers },
    });
  const post = (path: string, body: object, secret?: string) =>
    ask(path, {
      ...(secret && { secret }),
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    });

  test.each([
    ['GET', '/api/cron/drain', 401],
    ['POST', '/api/cron/drain', 401],
    ['POST', '/api/drain', 401],
    ['GET', '/api/jobs?id=1', 401],
    ['POST', '/api/jobs', 401],
    ['POST', '/api/operator', 401],
    ['GET', '/api/metrics', 401],
    ['GET', '/api/campaigns?companyId=c', 401],
    ['GET', '/api/companies', 401],
    ['GET', '/api/connections', 401],
    ['GET', '/api/drafts', 401],
    ['GET', '/api/imports?id=1', 401],
    ['GET', '/api/imports/1', 401],
    ['GET', '/api/opt-outs?companyId=c', 401],
    ['GET', '/api/webhooks/whatsapp?hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=1', 403],
    ['POST', '/api/webhooks/whatsapp', 401],
    ['GET', '/opt-outs/file', 303],
    ['GET', '/jobs', 303],
    ['POST', '/', 403], // a form of no site
  ])('refuses %s %s without its secret', async (method, path, status) => {
    const wrong = await ask(path, { method, secret: 'a-wrong-secret-0123456789' });
    const none = await ask(path, { method });
    expect([wrong.status, none.status]).toEqual([status, status]);
  });

  test('takes a job over HTTP, drains it by a tick, and tells that it is done', async () => {
    const added = await post('/api/jobs', { type: 'crm_reconcile', payload: {} }, QUEUE_API_KEY);
    expect(added.status).toBe(201);
    const { id } = (await added.json()) as { id: string };
    const tick = await ask('/api/cron/drain', { secret: CRON_SECRET });
    expect([tick.status, await tick.json()]).toMatchObject([200, { completed: 1 }]);
    const job = await ask(`/api/jobs?id=${id}`, { secret: QUEUE_API_KEY });
    expect(await job.json()).toMatchObject({ id, status: 'COMPLETED' });
    const { rows } = await sql.query('select status::text from jobqueue.finished_jobs where id = $1', [id]);
    expect(rows).toEqual([{ status: 'COMPLETED' }]);
  });

  test('drains what an operator asks for', async () => {
    await post('/api/jobs', { type: 'crm_reconcile', payload: {} }, QUEUE_API_KEY);
    const drained = await post('/api/drain', { types: ['crm_reconcile'] }, OPERATOR_SECRET);
    expect([drained.status, await drained.json()]).toMatchObject([200, { completed: 1 }]);
  });

  test('tells everybody whether it is healthy, and the operator why', async () => {
    const open = (await (await ask('/api/health')).json()) as { status: string; checks: unknown[] };
    expect(open).toMatchObject({ status: 'ok', checks: expect.arrayContaining([expect.any(String)]) });
    const full = await (await ask('/api/health', { secret: OPERATOR_SECRET })).json();
    expect(full).toMatchObject({
      status: 'ok',
      checks: expect.arrayContaining([expect.objectContaining({ ok: true })]),
    });
    expect(await (await ask('/api/metrics', { secret: METRICS_SECRET })).text()).toContain('# TYPE jobqueue_');
  });

  test('lets an operator act over HTTP', async () => {
    const answer = await post('/api/operator', { action: 'overview' }, OPERATOR_SECRET);
    expect(answer.status).toBe(200);
  });

  test('answers the business endpoints', async () => {
    const campaigns = await ask('/api/campaigns?companyId=none', { secret: QUEUE_API_KEY });
    expect(await campaigns.json()).toEqual({ campaigns: [] });
  });

  test("stores a webhook's signed event as a job, and shakes hands", async () => {
    const given = `hub.mode=subscribe&hub.verify_token=${WHATSAPP_VERIFY_TOKEN}&hub.challenge=1158201444`;
    expect(await (await ask(`/api/webhooks/whatsapp?${given}`)).text()).toBe('1158201444');
    const message = {
      from: '971501000001',
      id: 'wamid.1',
      timestamp: '1749416383',
      type: 'text',
      text: { body: 'hi' },
    };
    const value = { messaging_product: 'whatsapp', metadata: { phone_number_id: '1' }, messages: [message] };
    const body = JSON.stringify({
      object: 'whatsapp_business_account',
      entry: [{ id: '900', changes: [{ field: 'messages', value }] }],
    });
    const signature = `sha256=${createHmac('sha256', WHATSAPP_APP_SECRET).update(body).digest('hex')}`;
    const headers = { 'content-type': 'application/json', 'x-hub-signature-256': signature };
    expect(await (await ask('/api/webhooks/whatsapp', { method: 'POST', body, headers })).json()).toEqual({
      events: 1,
    });
    const { rows } = await sql.query(
      `select count(*)::int as jobs from jobqueue.live_jobs where type = 'whatsapp_event'`,
    );
    expect(rows).toEqual([{ jobs: 1 }]);
  });

  test('signs an operator in, and a form of a page enqueues a job that the console shows', async () => {
    expect((await operator.signIn(OPERATOR_SECRET)).status).toBe(303);
    expect((await operator.submit('/', 'Enqueue a demo job')).status).toBe(303);
    const page = await operator.get('/jobs?status=PENDING');
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).toContain("'nonce-");
    expect(await page.text()).toContain('ai_generation');
    const { rows } = await sql.query(`select id::text from jobqueue.live_jobs where type = 'ai_generation'`);
    expect(await (await operator.get(`/jobs/${rows[0].id}`)).text()).toContain('conv_123');
  });

  test('serves a file of a page to who is signed in', async () => {
    const file = await operator.get('/opt-outs/file');
    expect([file.status, file.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/csv')]);
  });

  test('says of an unknown path that there is nothing', async () => {
    expect((await operator.get('/jobs/999999999')).status).toBe(404);
    const nothing = await ask('/api/nothing');
    expect([nothing.status, await nothing.json()]).toMatchObject([404, { error: { code: 'not_found' } }]);
  });

  test('has cold starts, each with the right answer', { timeout: BUILD_MS }, async () => {
    for (const first of FIRST_REQUESTS)
      for (let round = 0; round < ROUNDS; round += 1)
        coldStarts.push({ function: first.function, driver, ...(await coldStart(deployment, environment, first)) });
    const started = new Set([...platform.called, ...FIRST_REQUESTS.map((one) => one.function)]);
    expect(deployment.functions.map(({ name }) => name).filter((name) => !started.has(name))).toEqual([]);
  });
});

/** The project's settings, and the region and address that the platform adds. */
function environmentFor(node: string, databaseUrl: string, neonStandIn: string | undefined): Environment {
  const variables = { ...SECRETS, LOG_LEVEL: 'warn', VERCEL_URL: 'queue.example', VERCEL_REGION: 'iad1' };
  if (neonStandIn === undefined) return { node, variables: { ...variables, DATABASE_URL: databaseUrl } };
  const url = new URL(databaseUrl);
  url.host = 'ep-quiet-lake-a1b2c3d4-pooler.us-east-1.aws.neon.tech'; // leads to the stand-in
  url.port = '';
  return {
    node,
    variables: { ...variables, DATABASE_URL: url.href, NEON_STAND_IN: neonStandIn },
    preload: fileURLToPath(new URL('neon-redirect.mjs', import.meta.url)),
  };
}
