/** GET /api/metrics over real HTTP: who gets in, and that what a scraper reads is what happened. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { log } from '../../lib/log.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { PATIENT } from '../support/patient.ts';
import { readScrape } from '../support/prometheus.ts';

const OPERATOR = 'operator-secret-0123456789';
const SCRAPER = 'scraper-secret-0123456789';

let db: TestDatabase;
let sql: pg.Client;
let server: Server;
let origin: string;

beforeAll(async () => {
  db = await freshDatabase();
  sql = new pg.Client(db.url);
  await sql.connect();
  process.env.DATABASE_URL = db.url;
  const api = await import('../../app/api/route.local.ts');
  server = createServer(PATIENT, async (incoming, outgoing) => {
    const headers = Object.entries(incoming.headers).map(([name, value]): [string, string] => [name, String(value)]);
    const response = await api.GET(new Request(`${origin}${incoming.url}`, { headers }));
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    outgoing.end(await response.text());
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  vi.stubEnv('OPERATOR_SECRET', OPERATOR);
  vi.stubEnv('METRICS_SECRET', SCRAPER);
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  const { database } = await import('../../packages/jobqueue/src/postgres/connect.ts');
  await database().close();
  await sql.end();
  await db.drop();
});

const scrape = (bearer: string | null) =>
  fetch(`${origin}/api/metrics`, { headers: bearer === null ? {} : { authorization: `Bearer ${bearer}` } });
const statusFor = async (bearer: string | null) => (await scrape(bearer)).status;

test('lets the scraper in, nobody else, and shows nothing to them', async () => {
  expect(await statusFor(SCRAPER)).toBe(200);
  for (const bearer of [null, 'undefined', 'wrong-secret-0123456789', `${SCRAPER}x`, SCRAPER.slice(0, -1), OPERATOR]) {
    const response = await scrape(bearer);
    expect([bearer, response.status]).toEqual([bearer, 401]);
    expect(await response.text()).not.toContain('jobqueue_');
  }
});

test('lets the operator in where the scraper has no secret of its own', async () => {
  for (const unset of [undefined, '']) {
    vi.stubEnv('METRICS_SECRET', unset);
    expect(await statusFor(OPERATOR)).toBe(200);
    expect(await statusFor(SCRAPER)).toBe(401);
  }
});

test('is closed while neither is set, and a scraper’s secret that is too short opens nothing', async () => {
  const line = vi.spyOn(log, 'error').mockReturnValue();
  vi.stubEnv('METRICS_SECRET', 'short');
  for (const bearer of ['short', OPERATOR]) expect(await statusFor(bearer)).toBe(503);
  expect(JSON.stringify(line.mock.calls)).toContain('METRICS_SECRET');
  vi.stubEnv('METRICS_SECRET', undefined);
  vi.stubEnv('OPERATOR_SECRET', undefined);
  expect(await statusFor(SCRAPER)).toBe(503);
  expect(JSON.stringify(line.mock.calls)).toContain('OPERATOR_SECRET');
  expect(JSON.stringify(line.mock.calls)).not.toContain('scraper-secret');
});

test('tells what happened, in the format that it names', async () => {
  const { queue } = await import('../../lib/queue/index.ts');
  await sql.query(`select jobqueue.add_job('lead_import', '{"companyId":"c","importId":"none"}')`); // a dead letter
  await sql.query(
    `select jobqueue.add_job('crm_sync', '{"companyId":"c","leadId":"l","action":"create"}', priority => 4)`,
  );
  const report = await queue.drain({ source: 'cron', types: ['lead_import'] });
  expect(report.deadLettered).toBe(1);
  await sql.query(`
    insert into jobqueue.rollups (minute, type, drain, completed, dead, wait_ms, run_ms, waits, runs)
    values (date_trunc('minute', now()), 'lead_import', gen_random_uuid(), 6, 1, 70, 70, '{0,0,0,0,0,0,7}', '{7}')`);
  const response = await scrape(SCRAPER);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(response.headers.get('cache-control')).toBe('no-store');
  const found = readScrape(await response.text());
  expect(found.value('jobqueue_runs_total', { type: 'lead_import', outcome: 'completed' })).toBe(6);
  expect(found.value('jobqueue_runs_total', { type: 'crm_sync', outcome: 'completed' })).toBe(0);
  expect(found.value('jobqueue_wait_seconds_bucket', { type: 'lead_import', le: '0.016' })).toBe(7);
  expect(found.value('jobqueue_dead_letters', { type: 'lead_import' })).toBe(1);
  expect(found.value('jobqueue_due_jobs', { queue: 'default', type: 'crm_sync', priority: '4' })).toBe(1); // not of this drain
  expect(found.value('jobqueue_last_tick_age_seconds')).toBeLessThan(60);
});
