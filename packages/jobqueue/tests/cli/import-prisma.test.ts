/** Taking over a Prisma queue: every row once, whatever dies in between, and the name of the table in the end. */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { emptyDatabase, freshDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import { ask, ended, run, start } from './program.ts';

/** Every call is a process of its own, a second or more on a busy machine. */
vi.setConfig({ testTimeout: 120_000 });

/** As Prisma makes it: no time zones, everything in UTC, camelCase. */
const OLD_TABLE = `
  create type "JobStatus" as enum ('PENDING', 'PROCESSING', 'COMPLETED', 'FAILED', 'DEAD_LETTER');
  create table "JobQueue" (
    id text primary key, type text not null, payload jsonb not null, status "JobStatus" not null default 'PENDING',
    priority int not null default 0, attempts int not null default 0, "maxAttempts" int not null default 3, "lastError" text,
    "idempotencyKey" text, "scheduledFor" timestamp(3), "startedAt" timestamp(3), "completedAt" timestamp(3), "createdBy" text,
    "createdAt" timestamp(3) not null default (now() at time zone 'UTC'),
    "updatedAt" timestamp(3) not null default (now() at time zone 'UTC'));
  create unique index "JobQueue_idempotencyKey_key" on "JobQueue" ("idempotencyKey")`;
const SYNC = { companyId: 'acme', leadId: '7', action: 'create' };

let db: TestDatabase;
let sql: pg.Client;
let env: Record<string, string>;

beforeAll(async () => {
  db = await emptyDatabase();
  sql = new pg.Client(db.url);
  await sql.connect();
  env = { DATABASE_URL: db.url };
  await sql.query(OLD_TABLE);
  await migrate({ url: db.url }); // leaves the foreign table alone
  await sql.query('drop table "JobQueue"; drop type "JobStatus"');
});
afterAll(async () => {
  await sql.end();
  await db.drop();
});
beforeEach(async () => {
  await sql.query(`
    do $$ begin
      if (select relkind = 'v' from pg_class where oid = to_regclass('"JobQueue"')) then drop view "JobQueue"; end if;
    end $$;
    drop table if exists "JobQueue", "JobQueue_prisma", jobqueue.prisma_jobs;
    drop type if exists "JobStatus";
    truncate jobqueue.jobs, jobqueue.job_history, jobqueue.idempotency_keys`);
  await sql.query(OLD_TABLE);
});

describe('import-prisma', () => {
  test('maps statuses, keeps times, errors and keys, and says why it refuses a payload', async () => {
    await sql.query(
      `insert into "JobQueue" (id, type, payload, status, priority, attempts, "maxAttempts", "lastError", "idempotencyKey", "scheduledFor",
                               "startedAt", "completedAt", "createdAt", "updatedAt") values
       ('c1', 'crm_sync', $1, 'PENDING', 7, 1, 5, 'portal was down', 'k1', '2027-01-01 10:00', null, null, '2026-11-01 08:00', '2026-11-01 09:00'),
       ('c2', 'crm_sync', $1, 'PROCESSING', 0, 3, 3, null, null, null, '2026-11-02 08:00', null, '2026-11-02 07:00', '2026-11-02 08:00'),
       ('c3', 'crm_sync', $1, 'COMPLETED', 0, 1, 3, null, 'k3', null, now() - interval '2 d', now() - interval '1 d', now() - interval '3 d', now()),
       ('c4', 'crm_sync', $1, 'COMPLETED', 0, 1, 3, null, 'k4', null, '2025-01-01', '2025-01-01', '2025-01-01', '2025-01-01'),
       ('c5', 'crm_sync', $1, 'DEAD_LETTER', 0, 3, 3, 'gave up', 'k5', null, '2026-10-01', '2026-10-01 10:00', '2026-10-01', '2026-10-01'),
       ('c6', 'crm_sync', $1, 'FAILED', 99, 9, 0, 'x', null, null, null, null, '2026-10-02', '2026-10-02'),
       ('c7', 'lead_import', '{"companyId":"acme","batchId":"b","rowData":{"phone":"1"}}', 'PENDING', 0, 0, 3, null, 'k7', null, null, null, now(), now()),
       ('c8', 'whatsapp:webhook', '{}', 'PENDING', 0, 0, 3, null, null, null, null, null, now(), now()),
       ('c9', 'no name', '{}', 'PENDING', 0, 0, 3, null, null, null, null, null, now(), now())`,
      [JSON.stringify(SYNC)],
    );
    const plan = await ask(['import-prisma', '--plan'], { env });
    expect(plan).toMatchObject({ toImport: 8, leftBehind: 1, unknownTypes: [{ type: 'whatsapp:webhook', jobs: 1 }] });
    expect((plan as { refused: object[] }).refused).toEqual([
      { type: 'lead_import', code: 'payload_invalid', reason: expect.stringContaining('payload.importId'), jobs: 1 },
      { type: 'no name', code: 'type_invalid', reason: expect.any(String), jobs: 1 },
    ]);
    expect(await rows("select to_regclass('jobqueue.prisma_jobs') as t")).toEqual([{ t: null }]); // a plan writes nothing
    expect(await counts()).toEqual({});

    const unasked = await run(['import-prisma'], { env });
    expect([unasked.code, unasked.stderr]).toEqual([2, expect.stringContaining('confirm with --yes')]);
    const result = await ask(['import-prisma', '--yes'], { env });
    expect(result).toMatchObject({ done: true, conflicts: 0 });
    expect(await counts()).toEqual({ PENDING: 3, COMPLETED: 1, DEAD_LETTER: 4 });

    expect(await became('c1')).toMatchObject({
      status: 'PENDING',
      priority: 7,
      attempts: 1,
      maxattempts: 5,
      lasterror: 'portal was down',
      idempotencykey: 'k1',
      scheduledfor: new Date('2027-01-01T10:00:00Z'),
      createdat: new Date('2026-11-01T08:00:00Z'),
    });
    expect(await became('c2')).toMatchObject({
      status: 'PENDING',
      attempts: 2,
      startedat: new Date('2026-11-02T08:00:00Z'),
    });
    expect(await became('c5')).toMatchObject({
      status: 'DEAD_LETTER',
      lasterror: 'gave up',
      completedat: new Date('2026-10-01T10:00:00Z'),
    });
    expect(await became('c6')).toMatchObject({ status: 'DEAD_LETTER', priority: 10, maxattempts: 1 });
    expect(await became('c7')).toMatchObject({ status: 'DEAD_LETTER', lasterror: expect.stringContaining('importId') });
    expect(await rows('select key, expires_at is null as live from jobqueue.idempotency_keys order by key')).toEqual([
      { key: 'k1', live: true }, // a pending job holds its key, a dead one does not,
      { key: 'k3', live: false }, // a completed one for what is left of its week
    ]);
    expect(
      await rows(
        `select relkind from pg_class where oid in ('"JobQueue"'::regclass, '"JobQueue_prisma"'::regclass) order by 1`,
      ),
    ).toEqual([{ relkind: 'r' }, { relkind: 'v' }]);
    expect(await ask(['import-prisma', '--yes'], { env })).toEqual(result); // once more is nothing more
    expect(await counts()).toEqual({ PENDING: 3, COMPLETED: 1, DEAD_LETTER: 4 });
  });

  test('killed in the middle and started again, it neither loses nor doubles a job', async () => {
    await sql.query(
      `insert into "JobQueue" (id, type, payload, status, "idempotencyKey")
       select 'c' || md5(n::text), 'crm_sync', $1::jsonb, (array['PENDING', 'DEAD_LETTER', 'COMPLETED'])[1 + n % 3]::"JobStatus", 'k' || n
       from generate_series(1, 6000) n`,
      [JSON.stringify(SYNC)],
    );
    const args = ['import-prisma', '--yes', '--slice', '20'];
    for (const kill of [200, 1500]) {
      const program = start(args, { env });
      await vi.waitFor(async () => expect(await done()).toBeGreaterThan(kill), { timeout: 90_000, interval: 10 });
      program.kill('SIGKILL');
      await ended(program);
      expect(await done()).toBeLessThan(6000);
    }
    await sql.query(`insert into "JobQueue" (id, type, payload) values ('a-late-one', 'crm_sync', $1)`, [
      JSON.stringify(SYNC),
    ]);
    const [one, other] = await Promise.all([run(args, { env }), run(args, { env })]); // two at once do no harm
    expect([one.code, other.code]).toEqual([0, 0]);
    expect(await counts()).toEqual({ PENDING: 2001, DEAD_LETTER: 2000, COMPLETED: 2000 });
    expect(
      await rows('select count(distinct job_id)::int as jobs, count(*)::int as of from jobqueue.prisma_jobs'),
    ).toEqual([{ jobs: 6001, of: 6001 }]);
    expect(await rows('select count(*)::int as jobs from "JobQueue_prisma"')).toEqual([{ jobs: 6001 }]);
  });

  test('a job that the new code has enqueued under the same key is not run twice', async () => {
    await sql.query(
      `insert into "JobQueue" (id, type, payload, "idempotencyKey") values ('c1', 'crm_sync', $1, 'same')`,
      [JSON.stringify(SYNC)],
    );
    const [holder] = await rows(
      `select id::text as id from jobqueue.add_job('crm_sync', '{}', idempotency_key => 'same')`,
    );
    await ask(['import-prisma', '--yes'], { env });
    expect(await counts()).toEqual({ PENDING: 1, CANCELLED: 1 });
    expect(await became('c1')).toMatchObject({
      status: 'CANCELLED',
      lasterror: `job ${holder?.id} holds its idempotency key`,
    });
  });

  test('what the old worker did after the row was imported is taken back, if no drain was faster', async () => {
    await sql.query(
      `insert into "JobQueue" (id, type, payload) select 'c' || lpad(n::text, 4, '0'), 'crm_sync', $1::jsonb from generate_series(1, 2000) n`,
      [JSON.stringify(SYNC)],
    );
    const args = ['import-prisma', '--yes', '--slice', '20'];
    const program = start(args, { env });
    await vi.waitFor(async () => expect(await done()).toBeGreaterThan(50), { timeout: 30_000, interval: 10 });
    program.kill('SIGKILL');
    await ended(program);
    await sql.query(`update "JobQueue" set status = 'COMPLETED', "completedAt" = now() where id in ('c0001', 'c0002')`);
    await sql.query(
      `update jobqueue.jobs set fence = 1 where id = (select job_id from jobqueue.prisma_jobs where old_id = 'c0002')`,
    );
    expect(await ask(args, { env })).toMatchObject({ done: true, conflicts: 1 });
    expect(await counts()).toEqual({ PENDING: 1999, COMPLETED: 1 });
    expect(await became('c0001')).toMatchObject({ status: 'COMPLETED' });
  });

  test('what waited too long need not run', async () => {
    await sql.query(
      `insert into "JobQueue" (id, type, payload, "createdAt") values ('old', 'crm_sync', $1, now() - interval '90 d'), ('new', 'crm_sync', $1, now())`,
      [JSON.stringify(SYNC)],
    );
    await ask(['import-prisma', '--yes', '--stale-after', '30d'], { env });
    expect(await became('old')).toMatchObject({
      status: 'DEAD_LETTER',
      lasterror: expect.stringContaining('--stale-after'),
    });
    expect(await became('new')).toMatchObject({ status: 'PENDING' });
  });

  test('the view is the one of the migrations, and a database without the table is told so', async () => {
    await ask(['import-prisma', '--yes'], { env });
    const fresh = await freshDatabase();
    const other = new pg.Client(fresh.url);
    await other.connect();
    const view = `select pg_get_viewdef('"JobQueue"'::regclass) as text`;
    const { rows: ours } = await other.query(view);
    await other.end();
    expect(await rows(view)).toEqual(ours);
    const missing = await run(['import-prisma', '--plan'], { env: { DATABASE_URL: fresh.url } });
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('no table public."JobQueue"')]);
    await fresh.drop();
  });
});

async function rows(text: string): Promise<Record<string, unknown>[]> {
  return (await sql.query(text)).rows;
}

async function done(): Promise<number> {
  const [made] = await rows("select to_regclass('jobqueue.prisma_jobs') is not null as made");
  return made?.made ? Number((await rows('select count(*) as n from jobqueue.prisma_jobs'))[0]?.n) : 0;
}

/** Live and finished jobs of the new queue. */
async function counts(): Promise<Record<string, number>> {
  const found = await rows(`
    select status, count(*)::int as n from (
      select 'PENDING' as status from jobqueue.jobs union all select status::text from jobqueue.finished_jobs) j group by status`);
  return Object.fromEntries(found.map(({ status, n }) => [status, n])) as Record<string, number>;
}

async function became(oldId: string): Promise<Record<string, unknown> | undefined> {
  const { rows: found } = await sql.query(
    `select * from "JobQueue" where id = (select job_id::text from jobqueue.prisma_jobs where old_id = $1)`,
    [oldId],
  );
  return found[0];
}
