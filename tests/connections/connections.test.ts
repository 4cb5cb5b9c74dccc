/** Connections to remote systems: paused once with one alert, waited for without burning attempts, resumed by an operator. */

import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { noteAnswer, pauseConnection, readPause, resumeConnection } from '../../lib/connections/connection.ts';
import { waitForOperator, waitOut } from '../../lib/connections/outage.ts';
import { waitingJobs } from '../../lib/connections/waiting.ts';
import { log } from '../../lib/log.ts';
import { createQueue, defineJob } from '../../packages/jobqueue/src/index.ts';
import { connect, type Database } from '../../packages/jobqueue/src/postgres/connect.ts';
import { drainAll } from '../../packages/jobqueue/src/testing.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { type Webhook, webhook } from '../support/webhook.ts';

let fresh: TestDatabase;
let database: Database;
let hook: Webhook;
const connection = { companyId: 'acme', provider: 'bitrix24' } as const;

beforeAll(async () => {
  fresh = await freshDatabase();
  database = connect(fresh.url);
  hook = await webhook();
  await database.execute({ text: "insert into companies (id, name) values ('acme', 'Acme')", params: [] });
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  hook.posted.length = 0;
  await database.execute({ text: 'delete from connections', params: [] });
});
afterAll(async () => {
  await hook.close();
  await database.close();
  await fresh.drop();
});

test('of many jobs that meet a revoked key one pauses the connection, and one alert goes out', async () => {
  vi.spyOn(log, 'error').mockReturnValue();
  vi.stubEnv('ALERT_WEBHOOK_URL', hook.url);
  const pause = { code: 'NO_AUTH_FOUND', reason: 'the webhook was <revoked>' };
  const paused = await Promise.all(Array.from({ length: 8 }, () => pauseConnection(database, connection, pause)));
  expect(paused.filter(Boolean)).toHaveLength(1);
  expect(await readPause(database, connection)).toEqual(pause);
  expect(hook.taken).toHaveLength(1);
  expect(hook.taken[0]?.text).toContain(
    '*bitrix24* of company *acme* is paused (NO_AUTH_FOUND): the webhook was &lt;revoked&gt;',
  );
});

test('an alert that nobody takes keeps no job from its work', async () => {
  vi.spyOn(log, 'error').mockReturnValue();
  const warned = vi.spyOn(log, 'warn').mockReturnValue();
  vi.stubEnv('ALERT_WEBHOOK_URL', hook.url);
  hook.answers.push(500);
  expect(await pauseConnection(database, connection, { code: '190', reason: 'token expired' })).toBe(true);
  expect(warned).toHaveBeenCalledWith(expect.objectContaining({ provider: 'bitrix24' }), 'connection_alert_failed');
});

test('resuming is idempotent, and the next refusal may pause it again', async () => {
  vi.spyOn(log, 'error').mockReturnValue();
  await pauseConnection(database, connection, { code: '1', reason: 'first' });
  expect(await resumeConnection(database, connection)).toBe(true);
  expect(await resumeConnection(database, connection)).toBe(false);
  expect(await readPause(database, connection)).toBeNull();
  expect(await pauseConnection(database, connection, { code: '2', reason: 'second' })).toBe(true);
  expect(await readPause(database, connection)).toEqual({ code: '2', reason: 'second' });
});

test('an outage burns no attempt, however often the job comes back, and holds back every job of the connection', async () => {
  let calls = 0;
  const sync = defineJob({
    type: 'sync',
    payload: z.object({ n: z.int() }),
    maxAttempts: 1,
    handler: async () => ({
      run: async (context) => {
        await context.rateLimit('portal', { perSecond: 50, burst: 50 });
        calls++;
        const error = new Error('connect ECONNREFUSED');
        if (calls <= 3) return waitOut(context, database, connection, { bucket: 'portal', state: null, error });
        await noteAnswer(database, connection);
        return 'done';
      },
    }),
  });
  const queue = createQueue({ database, jobs: [sync] });
  const job = await queue.addJob('sync', { n: 1 });
  expect(await drainAll(queue, { includeDelayed: true })).toMatchObject({ completed: 1, failures: [] });
  const done = await queue.getJob(job?.id ?? '');
  expect(done).toMatchObject({ status: 'COMPLETED', attempts: 1, errors: [] });
  expect(calls).toBe(4);
  const [row] = await database.execute({ text: 'select failures, failing_since from connections', params: [] });
  expect(row).toEqual({ failures: 0, failing_since: null });
});

test('each call without answer doubles the wait, up to a minute; a day of them pauses the connection', async () => {
  vi.spyOn(log, 'error').mockReturnValue();
  const holds: number[] = [];
  const rateLimit = Object.assign(async () => undefined, {
    takeTokens: async () => [],
    blockUntil: async (_key: string, until: Date | { readonly delayMs: number }) => {
      if ('delayMs' in until) holds.push(until.delayMs);
    },
  });
  const outage = { bucket: 'portal', state: { page: 7 }, error: new Error('no route') };
  for (let n = 0; n < 9; n++) {
    const next = await waitOut({ rateLimit }, database, connection, outage);
    expect(next.state).toEqual({ page: 7 });
    expect(next.delayMs).toBeGreaterThanOrEqual(holds.at(-1) ?? 0);
  }
  expect(holds).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  await database.execute({ text: "update connections set failing_since = now() - interval '25 h'", params: [] });
  expect((await waitOut({ rateLimit }, database, connection, outage)).delayMs).toBeGreaterThanOrEqual(300_000);
  expect(await readPause(database, connection)).toEqual({ code: 'no_answer', reason: 'no answer for a day: no route' });
});

test('a resume says how many jobs wait, and when the first and the last of them come', async () => {
  const other = { companyId: 'other', provider: 'bitrix24' } as const;
  const [none, add] = [
    { jobs: 0, firstAt: null, lastAt: null },
    'insert into jobqueue.jobs (type, payload, payload_bytes, due_at)',
  ];
  expect(await waitingJobs(database, connection)).toEqual(none);
  await database.execute({
    text: `${add} select type, jsonb_build_object('companyId', company), 2, now() + n * interval '1 minute'
           from (values ('crm_sync', 'acme', 2), ('crm_event', 'acme', 5), ('crm_sync', 'acme', -1), ('crm_sync', 'else', 9),
                        ('message_send', 'acme', 9)) j(type, company, n)`,
    params: [],
  });
  const { jobs, firstAt, lastAt } = await waitingJobs(database, connection);
  expect([jobs, Math.round((Date.parse(lastAt ?? '') - Date.parse(firstAt ?? '')) / 1_000)]).toEqual([2, 180]);
  expect(await waitingJobs(database, other)).toEqual(none);
  await database.execute({ text: 'delete from jobqueue.jobs', params: [] });
});

test('a job that waits for an operator looks again within six minutes', () => {
  const { state, delayMs } = waitForOperator({ page: 1 });
  expect(state).toEqual({ page: 1 });
  expect(delayMs).toBeGreaterThanOrEqual(300_000);
  expect(delayMs).toBeLessThanOrEqual(360_000);
});
