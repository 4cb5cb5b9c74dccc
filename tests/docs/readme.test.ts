/** The README does what it says: its code runs, its requests are answered. (documents.test.ts compiles it, with the others'.) */
import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Queue } from '../../packages/jobqueue/src/index.ts';
import { database } from '../../packages/jobqueue/src/postgres/connect.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { PATIENT } from '../support/patient.ts';
import { blocksOf } from './markdown.ts';
import { type Mirror, mirrorWith } from './mirror.ts';

const SECRETS = {
  CRON_SECRET: 'cron-secret-of-the-test',
  OPERATOR_SECRET: 'operator-secret-of-the-test',
  QUEUE_API_KEY: 'api-key-of-the-test-0',
};

let fresh: TestDatabase;
let sql: pg.Client;

beforeAll(async () => {
  fresh = await freshDatabase();
  vi.stubEnv('DATABASE_URL', fresh.url);
  sql = new pg.Client(fresh.url);
  await sql.connect();
});

afterAll(async () => {
  await database().close();
  await sql.end();
  await fresh.drop();
});

describe('the code', () => {
  let mirror: Mirror;
  beforeAll(() => {
    mirror = mirrorWith(['README.md'], { 'lib/queue/jobs.ts': nameTheType });
  });
  afterAll(() => mirror.remove());

  test('sends one welcome for a lead that was committed, and none for one that was not', async () => {
    const messages: unknown[] = [];
    const provider = await serve(async (request) => {
      messages.push(JSON.parse(await text(request)));
      return new Response(null, { status: 202 });
    });
    vi.stubEnv('MESSAGES_URL', provider.url);
    await sql.query(`insert into companies (id, name) values ('acme', 'Acme')`);
    const { addLead } = (await mirror.load('app/add-lead.ts')) as { addLead(...args: string[]): Promise<void> };
    const { queue } = (await mirror.load('lib/queue/index.ts')) as unknown as { queue: Queue<readonly []> };

    await addLead('acme', '+971501234567');
    await expect(addLead('acme', '+971501234567')).rejects.toThrow(); // the lead is there already, so its job is not doubled
    await expect(addLead('nobody', '+971501234568')).rejects.toThrow();

    await queue.drain();
    await vi.waitFor(async () => expect(await statuses()).toEqual({ COMPLETED: 1 }));
    expect(messages).toEqual([{ to: '+971501234567', text: 'Welcome!' }]);
    await untilNoDrainRuns();
    provider.stop();
  });

  test("enqueues by Conversure's own call site", async () => {
    const { replyLater } = (await mirror.load('app/reply-later.ts')) as { replyLater(): Promise<void> };
    await replyLater();
    await replyLater();
    expect(await statuses()).toEqual({ COMPLETED: 1, PENDING: 1 });
  });

  test('enqueues from SQL', async () => {
    const [, statement = ''] =
      /`(select jobqueue\.add_job\('welcome'.*?)`/.exec(readFileSync('README.md', 'utf8')) ?? [];
    await sql.query(statement.replaceAll('\n', ' '));
    expect(await statuses()).toEqual({ COMPLETED: 1, PENDING: 2 });
  });
});

describe.skipIf(!hasCurl())('the requests', () => {
  let folder: string;
  let app: { url: string; stop(): void };
  let said: string;

  beforeAll(async () => {
    for (const [name, value] of Object.entries(SECRETS)) vi.stubEnv(name, value);
    await sql.query(
      'truncate jobqueue.jobs, jobqueue.job_history, jobqueue.batches, jobqueue.blocks, jobqueue.settlements, jobqueue.leases, jobqueue.notes, jobqueue.idempotency_keys restart identity',
    );
    app = await serve(answer);
    folder = mkdtempSync(join(tmpdir(), 'readme-'));
    mkdirSync(join(folder, '.data'));
    writeFileSync(join(folder, '.data', 'secrets.json'), JSON.stringify(SECRETS));
    symlinkSync(resolve('fixtures'), join(folder, 'fixtures'));
    const requests = blocksOf('README.md', 'sh').filter(({ text }) => /curl|export/.test(text));
    const script = requests.map(({ text }) => text.replaceAll('curl -s', `curl -s -w '\\n%{http_code}\\n'`)).join('');
    const run = promisify(execFile)('bash', ['-euc', script.replace('http://localhost:3000', app.url)], {
      cwd: folder,
    });
    said = (await run).stdout;
  });

  afterAll(() => {
    app?.stop();
    rmSync(folder, { recursive: true });
  });

  test('are all answered as they stand', () => {
    const codes = said.split('\n').filter((line) => /^\d{3}$/.test(line));
    expect(codes).toEqual(['201', '200', '200', '200', '201', '200', '200', '200', '200']);
  });

  test('import the fixture', () => {
    expect(said).toContain('{"importId":"first-import","jobId":"1"}');
    expect(said).toContain('"counts":{"rows":100,"errors":21,"created":79,');
    expect(said).toContain('_row,_error_code,_error');
  });

  test('enqueue, look, preview and drain', () => {
    expect(said).toContain('{"id":"2"}');
    expect(said).toMatch(/"id":"1","type":"lead_import","status":"COMPLETED"/);
    expect(said).toMatch(/"type":"lead_import","priority":5,"due":1,.*"handled":true/);
    expect(said).toContain('"source":"operator"');
    expect(said).toMatch(/"status":"ok","checks":\[\{"name":"database"/);
  });
});

function nameTheType(index: string): string {
  return `import { welcome } from '../jobs/welcome/job.ts';\n${index.replace('jobs = [', 'jobs = [welcome, ')}`;
}

async function statuses(): Promise<Record<string, number>> {
  const { rows } = await sql.query('select status, count(*)::int as n from public."JobQueue" group by status');
  return Object.fromEntries(rows.map(({ status, n }) => [status, n]));
}

/** The kick drains on behind the request; the test must not take its database away. */
async function untilNoDrainRuns(): Promise<void> {
  await vi.waitFor(async () => {
    const { rows } = await sql.query('select from jobqueue.drains where finished_at is null');
    expect(rows).toEqual([]);
  });
}

/** The self-hosted app's own dispatcher, behind a real port. */
async function answer(request: IncomingMessage): Promise<Response> {
  const route = await import('../../app/api/route.local.ts');
  const { method = 'GET', url = '/', headers } = request;
  const body = method === 'GET' ? null : new Uint8Array(await buffer(request));
  const init = { method, headers: headers as Record<string, string>, body };
  return route.GET(new Request(`http://app.test${url}`, init)); // one function behind all methods
}

async function serve(answer: (request: IncomingMessage) => Promise<Response>): Promise<{ url: string; stop(): void }> {
  const server: Server = createServer(PATIENT, async (request, response) => {
    const answered = await answer(request);
    response.writeHead(answered.status, Object.fromEntries(answered.headers));
    response.end(Buffer.from(await answered.arrayBuffer()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop: () => void server.close() };
}

/** Bare containers have none; there the requests are only read. */
function hasCurl(): boolean {
  try {
    execFileSync('curl', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false; // ENOENT
  }
}
