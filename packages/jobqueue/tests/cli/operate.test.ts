/** Looking and acting from a terminal: each command on a database and on a deployment, and what it leaves in Postgres. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test, vi } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { emptied, JOB_TABLES } from '../../../../tests/support/empty.ts';
import { PATIENT } from '../../../../tests/support/patient.ts';
import {
  type Deployment,
  deploy,
  ended,
  type Host,
  host,
  run as runAlone,
  type Surroundings,
  start,
} from './program.ts';

/** A few calls are processes of their own, a second or more on a busy machine. */
vi.setConfig({ testTimeout: 120_000 });

const SECRETS = { OPERATOR_SECRET: 'operator-0123456789', QUEUE_API_KEY: 'key-0123456789abcdef' };
const PAYLOAD = { companyId: 'acme', leadId: '7', action: 'create' };

let db: TestDatabase;
let sql: pg.Client;
let deployment: Deployment;
let commands: Host;
const run: Host['run'] = (...call) => commands.run(...call);
const ask: Host['ask'] = (...call) => commands.ask(...call);
const places: Record<string, Surroundings> = {};

beforeAll(async () => {
  db = await freshDatabase();
  sql = new pg.Client(db.url);
  await sql.connect();
  vi.stubEnv('DATABASE_URL', db.url);
  for (const [name, value] of Object.entries(SECRETS)) vi.stubEnv(name, value);
  deployment = await deploy();
  commands = host();
  places.database = { env: { DATABASE_URL: db.url } };
  places.deployment = { env: { JOBQUEUE_URL: deployment.url, ...SECRETS } };
});
afterAll(async () => {
  await commands.close();
  await deployment.close();
  await sql.end();
  await db.drop();
});
beforeEach(async () => {
  await sql.query(emptied(...JOB_TABLES, 'jobqueue.idempotency_keys', 'jobqueue.pauses', 'jobqueue.replays'));
});

describe.each(['database', 'deployment'])('on a %s', (kind) => {
  const at = () => places[kind] as Surroundings;

  test('a job is enqueued once per key, looked at, listed and counted', async () => {
    const args = ['enqueue', 'crm_sync', JSON.stringify(PAYLOAD), '--key', 'k', '--priority', '4', '--in', '1h'];
    const added = (await ask(args, at())) as { id: string };
    expect(added).toEqual({ id: expect.stringMatching(/^\d+$/), duplicate: false });
    expect(await ask(args, at())).toEqual({ id: added.id, duplicate: true });
    const other = await run(args.with(2, JSON.stringify({ ...PAYLOAD, leadId: 'other' })), at());
    expect([other.code, other.stderr]).toEqual([1, expect.stringContaining(`job ${added.id}`)]);
    const { rows } = await sql.query(
      "select type, priority, payload, due_at > now() + interval '59 min' as later from jobqueue.jobs",
    );
    expect(rows).toEqual([{ type: 'crm_sync', priority: 4, payload: PAYLOAD, later: true }]);

    expect(await ask(['job', added.id], at())).toEqual(expect.not.objectContaining({ payload: expect.anything() }));
    expect(await ask(['job', added.id, '--payload'], at())).toMatchObject({
      id: added.id,
      status: 'PENDING',
      payload: PAYLOAD,
    });
    expect(await audited()).toContain('job.payload_read');
    await sql.query("update jobqueue.jobs set type = 'of_another_deployment'"); // nobody here knows its secrets
    expect(await ask(['job', added.id, '--payload'], at())).toMatchObject({ payload: '•••' });
    await sql.query("update jobqueue.jobs set type = 'crm_sync'");
    expect(await ask(['jobs', '--type', 'crm_sync', '--status', 'PENDING'], at())).toMatchObject({
      jobs: [{ id: added.id, status: 'PENDING', maxAttempts: 8 }],
      next: null,
    });
    expect(await ask(['stats'], at())).toMatchObject({
      ...{ hours: 24, lanes: [], paused: [] },
      scheduled: [{ type: 'crm_sync', queue: 'default', n: 1, atLeast: false, nextDue: expect.any(String) }],
    });
    expect((await runAlone(['stats'], at())).stdout).toMatch(
      /No job is due\.\n[\s\S]*scheduled +type[\s\S]*1 +crm_sync +default +in (1h|60m|5\dm)/,
    );
  });

  test('a job of a flow names who waits for it and what it waits for', async () => {
    await sql.query(emptied('jobqueue.flows'));
    const flow = JSON.stringify([{ type: 'campaign_send' }, { type: 'crm_sync', parent: 0, delay_ms: 3_600_000 }]);
    const { rows } = await sql.query('select id::text from jobqueue.add_flow_1($1) order by ordinal', [flow]);
    const [parent, child] = rows.map(({ id }) => id as string);
    const { stdout } = await run(['job', parent as string], at());
    expect(stdout).toMatch(new RegExp(`it waits for +${child} crm_sync PENDING\\n.*due +after its children`));
    expect(await ask(['job', child as string], at())).toMatchObject({
      parent: { id: parent, type: 'campaign_send', waits: true },
      children: [],
    });
    const listed = await run(['jobs', '--type', 'campaign_send', '--status', 'PENDING'], at());
    expect(listed.stdout).toContain('after its children');
  });

  test('a list goes on below its last id, and finds rare ones among many', async () => {
    await many(120);
    await sql.query(`update jobqueue.jobs set type = 'rare' where id = (select min(id) from jobqueue.jobs)`);
    const first = (await ask(['jobs', '--limit', '100'], at())) as { jobs: { id: string }[]; next: string };
    expect(first.jobs).toHaveLength(100);
    const second = (await ask(['jobs', '--limit', '100', '--after', first.next], at())) as typeof first;
    expect([second.jobs.length, second.next]).toEqual([20, null]);
    expect(await ask(['jobs', '--type', 'rare'], at())).toMatchObject({ jobs: [{ type: 'rare' }] });
    const table = await run(['jobs', '--limit', '2'], at());
    expect(table.stdout.trim().split('\n')).toHaveLength(3);
    expect(table.stderr).toMatch(/^more: --after [\w-]+$/m);
  });

  test('cancel shows numbers, asks, and takes --yes for an answer', async () => {
    await many(30);
    const args = ['cancel', '--type', 'crm_sync', '--reason', 'INC-7', '--as', 'ann'];
    expect(await ask([...args, '--plan'], at())).toMatchObject({
      total: 30,
      atLeast: false,
      groups: [{ queue: 'default', type: 'crm_sync', status: 'PENDING', jobs: 30 }],
      warnings: [],
    });
    const unasked = await run(args, at());
    expect(unasked.code).toBe(2);
    expect(unasked.stderr).toContain('30 jobs');
    expect(await statuses()).toEqual({ PENDING: 30 });
    expect(await ask([...args, '--yes'], at())).toEqual({ changed: 30, skipped: 0, done: true });
    expect(await statuses()).toEqual({ CANCELLED: 30 });
    const { rows } = await sql.query(
      `select actor from jobqueue.audit_log where action = 'cancel' order by id desc limit 1`,
    );
    expect(rows).toEqual([{ actor: 'ann' }]);
  });

  test('replay brings dead letters back by their error, at most so many, and never without a filter', async () => {
    await dead(12, 'HttpError', '503 from the portal');
    await dead(3, 'TypeError', 'x is undefined');
    expect((await run(['replay', '--yes'], at())).code).toBe(2);
    const args = ['replay', '--message', '503'];
    expect(await ask([...args, '--plan'], at())).toMatchObject({
      total: 12,
      groups: [{ errorName: 'HttpError', total: 12 }],
    });
    expect((await run(args, at())).code).toBe(2);
    expect(await ask([...args, '--max-jobs', '5', '--yes'], at())).toEqual({
      changed: 5,
      skipped: 0,
      done: true,
      refusals: [],
    });
    expect(await statuses()).toEqual({ PENDING: 5, DEAD_LETTER: 10 });
    expect(await ask(['replay', '--all', '--yes'], at())).toMatchObject({ changed: 10 });
    expect(await statuses()).toEqual({ PENDING: 15 });
  });

  test('a throttled replay is started, listed and stopped', async () => {
    await dead(4, 'HttpError', '503');
    const replay = (await ask(
      ['replay', '--type', 'crm_sync', '--per-minute', '2', '--stop-ratio', '20', '--yes'],
      at(),
    )) as { id: string };
    expect(await ask(['replay', 'list'], at())).toMatchObject({
      replays: [{ id: replay.id, state: 'running', perMinute: 2, stopWhen: { failureRatio: 0.2, of: 50 } }],
    });
    expect(await ask(['replay', 'stop', replay.id], at())).toEqual({ stopped: true });
    expect((await run(['replay', 'stop', replay.id], at())).code).toBe(1);
  });

  test('retry brings back what ended, brings forward what waits, and says what it left', async () => {
    const [gone = ''] = await dead(1, 'HttpError', '503');
    const [waiting = ''] = await many(1);
    await sql.query(`update jobqueue.jobs set due_at = now() + interval '1 h'`);
    expect(await ask(['retry', gone, waiting], at())).toMatchObject({ replayed: 1, broughtForward: 1, unchanged: 0 });
    const { rows } = await sql.query('select count(*)::int as due from jobqueue.jobs where due_at <= now()');
    expect(rows).toEqual([{ due: 2 }]);
    expect((await run(['retry', '999999999'], at())).code).toBe(1);
  });

  test('free-key frees a key once, and says who held it', async () => {
    const { id } = (await ask(['enqueue', 'crm_sync', JSON.stringify(PAYLOAD), '--key', 'lead-9'], at())) as {
      id: string;
    };
    const free = ['free-key', 'crm_sync', 'lead-9', '--reason', 'INC-9', '--as', 'ann'];
    expect(await ask(free, at())).toEqual({ freed: true, holder: id });
    expect(await ask(free, at())).toEqual({ freed: false, holder: null });
    expect(await ask(['enqueue', 'crm_sync', JSON.stringify(PAYLOAD), '--key', 'lead-9'], at())).toMatchObject({
      duplicate: false,
    });
  });

  test('update changes a job that waits, and says why it cannot', async () => {
    const { id } = (await ask(['enqueue', 'crm_sync', JSON.stringify(PAYLOAD), '--in', '1h'], at())) as { id: string };
    const changes = ['--priority', '7', '--payload', JSON.stringify({ ...PAYLOAD, leadId: '8' }), '--reason', 'INC-9'];
    expect(await ask(['update', id, ...changes, '--as', 'ann'], at())).toEqual({
      updated: true,
      id,
      status: 'PENDING',
    });
    const { rows } = await sql.query('select priority, payload, due_at > now() as later from jobqueue.jobs');
    expect(rows).toEqual([{ priority: 7, payload: { ...PAYLOAD, leadId: '8' }, later: true }]);
    expect((await run(['update', id], at())).stderr).toContain('expected one or more of --payload');
    expect((await run(['update', id, '--at', '2030-01-01T00:00:00Z', '--in', '1h'], at())).code).toBe(2);
    expect((await run(['update', id, '--payload', '{"leadId": 8}'], at())).stderr).toContain('leadId');
    expect(await run(['update', '999999999', '--priority', '1'], at())).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there is no job 999999999'),
    });
  });

  test('a pause names what it stops, shows in the numbers, and is ended', async () => {
    await many(1);
    expect((await run(['pause'], at())).code).toBe(2);
    expect((await run(['pause', '--all'], at())).code).toBe(2);
    expect(await ask(['pause', '--type', 'crm_sync', '--reason', 'down'], at())).toMatchObject({
      paused: [{ queue: '*', type: 'crm_sync', reason: 'down' }],
    });
    expect(await ask(['stats'], at())).toMatchObject({ lanes: [{ type: 'crm_sync', due: 1, paused: true }] });
    expect((await run(['stats'], at())).stdout).toMatch(/crm_sync.*paused/);
    expect(await ask(['resume', '--type', 'crm_sync'], at())).toEqual({ paused: [], resumed: true, warnings: [] });
    expect((await run(['resume', '--type', 'crm_sync'], at())).stderr).toContain('Nothing was resumed');
  });

  test('a misspelt type is refused with the nearest, a queue that holds nothing is warned of', async () => {
    for (const command of [
      ['pause'],
      ['resume'],
      ['cancel', '--reason', 'r', '--yes'],
      ['drain'],
      ['replay', '--yes'],
    ]) {
      const { code, stderr } = await run([...command, '--type', 'crm_snyc'], at());
      expect([command[0], code, stderr]).toEqual([command[0], 2, expect.stringContaining('the nearest: crm_sync')]);
    }
    const { code, stderr } = await run(['pause', '--queue', 'defualt'], at());
    expect([code, stderr]).toEqual([0, expect.stringMatching(/warning: no job is in queue 'defualt'.*default/)]);
    await run(['resume', '--queue', 'defualt'], at());
  });

  test('an incident shows its next step, is acknowledged, and its check is muted and unmuted', async () => {
    await sql.query(`insert into jobqueue.incidents (check_name, subject, detail)
      values ('dead_letters', 'crm_sync', '{"value": 5, "limit": 3, "data": {"before": 0}}')`);
    const shown = await run(['incidents'], at());
    expect(shown.stdout).toMatch(/dead_letters.*: 5 crm_sync dead letters.*\n.*→ read the error; pause crm_sync/);
    const { incidents } = (await ask(['incidents'], at())) as { incidents: { id: string }[] };
    expect(await ask(['incidents', 'ack', incidents[0]?.id ?? '', '--as', 'ann'], at())).toEqual({
      acknowledged: true,
    });
    const mute = ['dead_letters', 'crm_sync'];
    expect(await ask(['incidents', 'mute', ...mute, '--for', '4h', '--reason', 'INC-7'], at())).toMatchObject({
      muted: { check: 'dead_letters', subject: 'crm_sync', reason: 'INC-7' },
    });
    expect((await run(['incidents'], at())).stdout).toMatch(
      /acknowledged by ann[\s\S]*muted: dead_letters of crm_sync, ends in/,
    );
    expect(await ask(['incidents', 'unmute', ...mute], at())).toEqual({ unmuted: true });
    expect((await run(['incidents', 'mute', 'dead_leters', '--for', '4h', '--reason', 'r'], at())).code).toBe(2);
    await sql.query(emptied('jobqueue.incidents'));
  });

  test('a drain foresees, then runs what is due and tells what became of it', async () => {
    await many(2); // of a company that nobody knows: their handler refuses them
    expect(await ask(['drain', '--dry-run'], at())).toMatchObject({ due: 2, lanes: [{ type: 'crm_sync', due: 2 }] });
    expect((await run(['drain', '--type', 'crm_snyc', '--dry-run'], at())).code).toBe(2);
    const report = (await ask(['drain', '--type', 'crm_sync', '--budget', '20s'], at())) as Record<string, number>;
    expect(report).toMatchObject({ source: 'operator', claimed: 2, stopReason: expect.any(String) });
    expect(await audited()).toContain('drain');
  });

  test('adopt moves the database to an environment on purpose; a drain from elsewhere says so and fails', async () => {
    expect((await run(['adopt'], at())).code).toBe(2);
    expect((await run(['adopt', 'staging'], at())).code).toBe(2); // nobody to ask, and no --yes
    expect(await ask(['adopt', 'staging', '--yes'], at())).toEqual({ before: null });
    const drained = await runAlone(['drain'], at());
    expect([drained.code, drained.stderr]).toEqual([1, expect.stringContaining('another environment')]);
    const doctor = await run(['doctor', '--json'], at());
    expect(JSON.parse(doctor.stdout).findings).toContainEqual(
      expect.objectContaining({ name: 'environment', state: 'warn', detail: expect.stringContaining("'staging'") }),
    );
    expect(await ask(['adopt', '--none', '--yes'], at())).toEqual({ before: 'staging' });
    expect((await runAlone(['drain'], at())).code).toBe(0);
    expect(await audited()).toContain('environment.adopt');
  });

  test('schedules are listed, paused, run, overridden and reset by name', async () => {
    await sql.query(emptied('jobqueue.schedules', 'jobqueue.schedule_sets'));
    await ask(['drain', '--budget', '30s'], places.deployment); // its drains declare them
    const name = 'crm-reconcile';
    const { schedules } = (await ask(['schedules'], at())) as { schedules: { name: string }[] };
    expect(schedules).toMatchObject([{ name, declared: true, paused: null }, { declared: true }]);
    const known = schedules[0]?.name ?? name;
    await ask(['schedules', 'pause', known, '--reason', 'quiet'], at());
    expect(await ask(['schedules'], at())).toMatchObject({ schedules: [{ paused: { reason: 'quiet' } }, {}] });
    await ask(['schedules', 'resume', known], at());
    expect(await ask(['schedules', 'run', known], at())).toEqual({ id: expect.stringMatching(/^\d+$/) });
    await ask(['schedules', 'override', known, '--cron', '5 4 * * *'], at());
    expect(await ask(['schedules'], at())).toMatchObject({
      schedules: [{ cron: '5 4 * * *', override: { cron: '5 4 * * *' } }, {}],
    });
    await ask(['schedules', 'reset', known], at());
    expect(await ask(['schedules'], at())).toMatchObject({ schedules: [{ override: null }, {}] });
    expect((await run(['schedules', 'override', known, '--cron', 'never'], at())).code).toBe(2);
    expect((await run(['schedules', 'pause', 'nobody'], at())).code).toBe(1);
  });

  test('tail tells of new jobs and of their ends, and Ctrl-C is a good end', async () => {
    await many(1);
    const tail = start(['tail', '--json', '--interval', '100ms'], at());
    onTestFailed(() => void tail.kill('SIGKILL'));
    const lines: string[] = [];
    tail.stdout?.on('data', (chunk) => lines.push(...String(chunk).trim().split('\n')));
    const seen = async (status: string) =>
      vi.waitFor(() => expect(lines.join()).toContain(status), { timeout: 60_000 });
    const adding = setInterval(() => void many(1), 400); // until it listens: it begins at the job that was newest then
    await seen('"PENDING"').finally(() => clearInterval(adding));
    const id = JSON.parse(lines[0] ?? '{}').id as string;
    await ask(['cancel', id, '--reason', 'enough', '--yes'], at());
    await seen('"CANCELLED"');
    tail.kill('SIGINT');
    expect((await ended(tail)).code).toBe(0);
    expect(lines.map((line) => JSON.parse(line)).filter((job) => job.id === id)).toMatchObject([
      { status: 'PENDING', before: null },
      { status: 'CANCELLED', before: 'PENDING' },
    ]);
  });
});

test('what the queue or the deployment refuses as written is 2, what fails is 1, and no secret is told', async () => {
  const env = {
    JOBQUEUE_URL: deployment.url,
    OPERATOR_SECRET: 'wrong-operator-secret',
    QUEUE_API_KEY: SECRETS.QUEUE_API_KEY,
  };
  const wrong = await run(['stats'], { env });
  expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('does not accept this OPERATOR_SECRET')]);
  expect(wrong.stderr).not.toContain(env.OPERATOR_SECRET);
  for (const place of Object.values(places)) {
    const refused = await run(['enqueue', 'crm_sync', '{"companyId":"acme"}'], place);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('payload.leadId')]);
    expect((await run(['enqueue', 'nobody', '{}'], place)).code).toBe(2);
    expect((await run(['job', '999999999'], place)).code).toBe(1);
  }
});

test.each<[string, string[], Record<string, string>, number, RegExp]>([
  ['no queue is named', ['stats'], {}, 2, /DATABASE_URL or JOBQUEUE_URL/],
  ['both are named', ['stats', '--url', 'https://a.example', '--database', 'X_URL'], {}, 2, /exclude each other/],
  [
    'a flag carries a password',
    ['stats', '--database', 'postgres://a:hush@h/d'],
    {},
    2,
    /does not belong on a command line/,
  ],
  ['an address carries one', ['stats', '--url', 'https://a:hush@h'], {}, 2, /no password/],
  ['a secret would go over http', ['stats', '--url', 'http://app.example.com'], {}, 2, /expected https/],
  ['the secret is not there', ['stats', '--url', 'https://app.example.com'], {}, 2, /OPERATOR_SECRET is not set/],
  ['nobody listens', ['stats', '--database', 'postgres://u@127.0.0.1:1/d'], {}, 1, /nothing listens there/],
  ['the deployment is gone', ['stats', '--url', 'http://127.0.0.1:1'], SECRETS, 1, /no answer from 127.0.0.1:1/],
  ['a list has no bound', ['jobs', '--limit', '201'], {}, 2, /from 1 to 200/],
  ['JSON is broken', ['enqueue', 'crm_sync', '{'], {}, 2, /expected JSON/],
])('%s: a clear error and an exit code', async (_, args, env, code, words) => {
  const ended = await runAlone(args, { env });
  expect([ended.code, ended.stderr]).toEqual([code, expect.stringMatching(words)]);
  expect(ended.stderr + ended.stdout).not.toContain('hush');
  expect(ended.stderr).not.toMatch(/^ {4}at /m);
});

test('a deployment of 0.6.0, which answers less, is drained, paused and resumed', async () => {
  const older = createServer(PATIENT, (request, answer) => {
    const report = { completed: 3, stopReason: 'empty', unhandled: [] };
    answer.end(JSON.stringify(request.url === '/api/drain' ? report : { paused: [] }));
  });
  older.listen(0, '127.0.0.1');
  await once(older, 'listening');
  const at = { env: { JOBQUEUE_URL: `http://127.0.0.1:${(older.address() as AddressInfo).port}`, ...SECRETS } };
  const drained = await run(['drain'], at);
  expect([drained.code, drained.stdout]).toEqual([0, 'completed 3\nended: empty\n']);
  expect((await run(['pause', '--type', 'crm_sync'], at)).code).toBe(0);
  const resumed = await run(['resume', '--type', 'crm_sync'], at);
  expect([resumed.code, resumed.stderr]).toEqual([0, '']); // it did not say that nothing was resumed
  older.close();
});

/** Jobs of a company that does not exist; answers their ids. */
async function many(count: number): Promise<string[]> {
  const jobs = Array.from({ length: count }, () => ({ type: 'crm_sync', payload: PAYLOAD }));
  const { rows } = await sql.query('select id::text as id from jobqueue.add_jobs($1::jsonb)', [JSON.stringify(jobs)]);
  return rows.map(({ id }) => id);
}

async function dead(count: number, name: string, message: string): Promise<string[]> {
  const { rows } = await sql.query(
    `insert into jobqueue.job_history (id, status, created_at, due_at, fence, attempt, max_attempts, priority, queue, type, payload, errors)
     select nextval('jobqueue.jobs_id_seq'), 'DEAD_LETTER', now(), now(), 1, 3, 3, 0, 'default', 'crm_sync', $2::jsonb,
            jsonb_build_array(jsonb_build_object('name', $3::text, 'message', $4::text, 'attempt', 3, 'at', now()))
     from generate_series(1, $1) returning id::text as id`,
    [count, JSON.stringify(PAYLOAD), name, message],
  );
  return rows.map(({ id }) => id);
}

async function statuses(): Promise<Record<string, number>> {
  const { rows } = await sql.query('select status, count(*)::int as n from public."JobQueue" group by status');
  return Object.fromEntries(rows.map(({ status, n }) => [status, n]));
}

async function audited(): Promise<string[]> {
  const { rows } = await sql.query('select action from jobqueue.audit_log order by id desc limit 20');
  return rows.map(({ action }) => action);
}
