/** Migrations and the doctor from a terminal: what is missing is named with its remedy, what is there is left alone. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { emptyDatabase, freshDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { poolingFinding } from '../../src/cli/doctor/pooling.ts';
import { compareZones, zoneFinding } from '../../src/cli/doctor/zones.ts';
import { connect } from '../../src/postgres/connect.ts';
import { ask, type Deployment, deploy, run } from './program.ts';

/** Every call is a process of its own, a second or more on a busy machine. */
vi.setConfig({ testTimeout: 120_000 });

const SECRETS = {
  CRON_SECRET: 'cron-0123456789abcdef',
  OPERATOR_SECRET: 'operator-0123456789',
  QUEUE_API_KEY: 'key-0123456789abcdef',
  SECRETS_KEY: '5'.repeat(64),
};

interface Diagnosis {
  readonly ok: boolean;
  readonly findings: readonly {
    readonly name: string;
    readonly state: string;
    readonly detail: string;
    readonly mend: string | null;
  }[];
}

describe('migrate', () => {
  let empty: TestDatabase;
  beforeAll(async () => {
    empty = await emptyDatabase();
  });
  afterAll(() => empty.drop());

  test('shows its plan without a trace, applies it, and then has nothing to do', async () => {
    const env = { DATABASE_URL: empty.url };
    const { pending } = (await ask(['migrate', '--plan'], { env })) as { pending: string[] };
    expect(pending).toEqual(
      expect.arrayContaining(['jobqueue/0001_create_queue.sql', 'jobqueue/functions/step_1.sql']),
    );
    const { pending: still } = (await ask(['migrate', '--plan'], { env })) as { pending: string[] };
    expect(still).toEqual(pending);
    const { applied } = (await ask(['migrate'], { env })) as { applied: string[] };
    expect(applied).toEqual(pending);
    expect(await ask(['migrate', '--plan'], { env })).toMatchObject({ pending: [] });
    expect(await ask(['migrate'], { env })).toMatchObject({ applied: [] });
    const again = await run(['migrate'], { env });
    expect([again.code, again.stdout]).toEqual([0, expect.stringContaining('is up to date already')]);
  });

  test('works on no deployment, and on no pooled address', async () => {
    expect((await run(['migrate', '--url', 'https://app.example.com'])).code).toBe(2);
    const pooled = await run(['migrate'], { env: { DATABASE_URL: 'postgres://u@ep-x-pooler.eu.aws.neon.tech/d' } });
    expect([pooled.code, pooled.stderr]).toEqual([1, expect.stringContaining('DATABASE_URL_UNPOOLED')]);
  });
});

describe('doctor', () => {
  let db: TestDatabase;
  let sql: pg.Client;
  let deployment: Deployment;
  let folder: string;
  beforeAll(async () => {
    db = await freshDatabase();
    sql = new pg.Client(db.url);
    await sql.connect();
    vi.stubEnv('DATABASE_URL', db.url);
    for (const [name, value] of Object.entries(SECRETS)) vi.stubEnv(name, value);
    deployment = await deploy();
    folder = mkdtempSync(join(tmpdir(), 'doctor-'));
  });
  afterAll(async () => {
    await deployment.close();
    await sql.end();
    await db.drop();
    rmSync(folder, { recursive: true });
  });

  test('says how to mend what is missing, and ends with 1', async () => {
    const { code, stdout } = await run(['doctor', '--json'], { env: { DATABASE_URL: db.url } });
    const { ok, findings } = JSON.parse(stdout) as Diagnosis;
    expect([code, ok]).toEqual([1, false]);
    const state = Object.fromEntries(findings.map((finding) => [finding.name, finding.state]));
    expect(state).toMatchObject({ CRON_SECRET: 'red', OPERATOR_SECRET: 'red', SECRETS_KEY: 'red', cron: 'red' });
    expect(state).toMatchObject({ database: 'ok', driver: 'ok', clock: 'ok', migrations: 'ok', 'pooled URL': 'ok' });
    expect(state).toMatchObject({ 'time zones': 'ok' });
    for (const finding of findings) expect(finding.mend === null).toBe(finding.state === 'ok');
    expect(stdout).not.toContain(new URL(db.url).password);
  });

  test('is content once a tick has come and every secret is there', async () => {
    const tick = await fetch(`${deployment.url}/api/cron/drain`, {
      headers: { authorization: `Bearer ${SECRETS.CRON_SECRET}` },
    });
    expect(tick.status).toBe(200);
    const near = (await ask(['doctor'], { env: { DATABASE_URL: db.url, ...SECRETS } })) as Diagnosis;
    expect(near.findings.filter(({ state }) => state === 'red')).toEqual([]);
    const far = (await ask(['doctor', '--url', deployment.url], { env: SECRETS })) as Diagnosis;
    expect(far.findings.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['deployment', 'operator', 'enqueue', 'clock', 'cron']),
    );
    const told = await run(['doctor'], { env: { DATABASE_URL: db.url, ...SECRETS } });
    expect(told.stdout).toMatch(/^ok {4}cron/m);
  });

  test('sees a secret that a deployment does not accept, a folder without a cron line, missing migrations and no database', async () => {
    const refused = await run(['doctor', '--url', deployment.url], {
      env: { ...SECRETS, QUEUE_API_KEY: 'another-key-0123456789' },
    });
    expect([refused.code, refused.stdout]).toEqual([1, expect.stringContaining('QUEUE_API_KEY is answered with 401')]);

    writeFileSync(join(folder, 'vercel.json'), '{"crons": []}');
    const noCron = await run(['doctor'], { env: { DATABASE_URL: db.url, ...SECRETS }, cwd: folder });
    expect([noCron.code, noCron.stdout]).toEqual([1, expect.stringMatching(/RED {3}vercel\.json.*\n.*"crons"/)]);

    const empty = await emptyDatabase();
    const bare = await run(['doctor'], { env: { DATABASE_URL: empty.url, ...SECRETS } });
    expect([bare.code, bare.stdout]).toEqual([1, expect.stringMatching(/RED {3}migrations.*\n.*jobqueue migrate/)]);
    await empty.drop();

    const nowhere = await run(['doctor'], { env: { DATABASE_URL: 'postgres://u:hush@127.0.0.1:1/d', ...SECRETS } });
    expect([nowhere.code, nowhere.stdout]).toEqual([1, expect.stringContaining('nothing listens there')]);
    expect(nowhere.stdout + nowhere.stderr).not.toContain('hush');
  });

  test('compares the zones in use with those of Postgres, a year ahead', async () => {
    await sql.query(`delete from jobqueue.schedules; insert into jobqueue.schedules (name, definition)
      values ('a', '{"timeZone": "Europe/Berlin"}'), ('b', '{"timeZone": "America/Nuuk"}'), ('c', '{"timeZone": "Africa/Casablanca"}')`);
    const database = connect(db.url);
    expect(await zoneFinding(database)).toMatchObject({ state: 'ok', detail: expect.stringContaining('all 3') });
    await database.close();
  });

  test('names the zone in which Node and Postgres differ, from when on and by what', () => {
    const nowMs = Date.UTC(2026, 0, 1);
    const hour = 3_600_000;
    const late = Array.from({ length: 366 }, (_, n) => (n < 100 ? hour : 2 * hour)); // Berlin's summer begins on day 88
    const finding = compareZones(
      [
        { zone: 'Asia/Dubai', offsets: Array(366).fill(4 * hour) },
        { zone: 'Europe/Berlin', offsets: late },
        { zone: 'Asia/Kolkata', offsets: [5 * hour] },
        { zone: 'America/Nuuk', offsets: null },
      ],
      nowMs,
    );
    expect(finding.state).toBe('warn');
    expect(finding.detail).toContain('Europe/Berlin from 2026-03-30 on: Node UTC+02:00, Postgres UTC+01:00');
    expect(finding.detail).toContain('Asia/Kolkata now: Node UTC+05:30, Postgres UTC+05:00');
    expect(finding.detail).toContain('America/Nuuk is unknown to Postgres');
  });

  test('names settings of the role that drains would refuse, and that writes are', async () => {
    const name = new URL(db.url).pathname.slice(1);
    const settings = ["default_transaction_isolation = 'repeatable read'", 'extra_float_digits = -3'];
    for (const setting of settings) await sql.query(`alter database ${name} set ${setting}`);
    const unfit = await run(['doctor'], { env: { DATABASE_URL: db.url, ...SECRETS } });
    expect(unfit.code).toBe(1);
    expect(unfit.stdout).toMatch(
      /RED {3}isolation.*repeatable read.*\n.*alter role postgres set default_transaction_isolation/,
    );
    expect(unfit.stdout).toMatch(/RED {3}extra_float_digits.*-3.*\n.*alter role postgres set extra_float_digits = 1/);
    await sql.query(`alter database ${name} reset all`);
    await sql.query(`alter database ${name} set default_transaction_read_only = on`);
    const frozen = await run(['doctor'], { env: { DATABASE_URL: db.url, ...SECRETS } });
    expect([frozen.code, frozen.stdout]).toEqual([
      1,
      expect.stringMatching(/RED {3}database.*refuses writes.*\(25006\)/),
    ]);
    await sql.query(`alter database ${name} reset all`);
  });

  test.each<[string, string, string | undefined, string]>([
    ['a plain server', 'postgres://u@db.example.com/d', undefined, 'ok'],
    [
      'Neon, pooled, with the direct one beside it',
      'postgres://u@ep-x-pooler.eu.aws.neon.tech/d',
      'postgres://u@ep-x.eu.aws.neon.tech/d',
      'ok',
    ],
    ['pooled, and nothing for migrations', 'postgres://u@ep-x-pooler.eu.aws.neon.tech/d', undefined, 'red'],
    ['PgBouncer by its port, and nothing for migrations', 'postgres://u@db.example.com:6543/d', undefined, 'red'],
    [
      'both pooled',
      'postgres://u@ep-x-pooler.eu.aws.neon.tech/d',
      'postgres://u@ep-x-pooler.eu.aws.neon.tech/d',
      'red',
    ],
    ['Neon, direct', 'postgres://u@ep-x.eu.aws.neon.tech/d', undefined, 'warn'],
    ['two branches', 'postgres://u@ep-x-pooler.eu.aws.neon.tech/d', 'postgres://u@ep-y.eu.aws.neon.tech/d', 'warn'],
  ])('judges the pooled URL: %s', (_, url, unpooled, state) => {
    expect(poolingFinding({ url, unpooled })).toMatchObject({ state });
  });
});
