/** `npm run demo` as a newcomer runs it: on a data folder that does not exist yet, with a server and an app of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, onTestFailed, test, vi } from 'vitest';
import { opensTo } from '../../scripts/demo/app.ts';
import { takeTurns } from '../support/take-turns.ts';

// Each run creates a server and compiles an endpoint, on a machine that may be busy with the other files.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 60_000 });

takeTurns();

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/** The most output of a failed run that is reported, in characters. */
const SAID_CHARS = 4_000;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'demo-'));
  chmodSync(folder, 0o755);
});

/** Those of the last test: one that ran out of time would leave its app and server behind for the next. */
const demos = new Set<ReturnType<typeof startDemo>>();

afterEach(async () => {
  for (const { child } of demos) child.kill('SIGINT');
  await Promise.all([...demos].map(({ ended }) => ended));
  demos.clear();
  const state = join(folder, 'postgres.json');
  if (existsSync(state)) rmSync(JSON.parse(readFileSync(state, 'utf8')).home, { recursive: true, force: true });
  rmSync(folder, { recursive: true });
});

function startDemo(...args: string[]) {
  const { DATABASE_URL: _, DATABASE_URL_UNPOOLED: __, npm_lifecycle_event: ___, ...own } = process.env;
  const child = spawn(process.execPath, ['--import', 'tsx', join(PROJECT, 'scripts/demo.ts'), ...args], {
    env: { ...own, JOBQUEUE_DATA: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text));
  onTestFailed(() => console.error(said.slice(-SAID_CHARS)));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number, said }));
  const says = (text: string) => vi.waitFor(() => expect(said).toContain(text), { timeout: 120_000, interval: 20 });
  const demo = { child, ended, says };
  demos.add(demo);
  return demo;
}

/** Neither the database nor the app of this run is left. */
async function expectNothingLeft(said: string): Promise<void> {
  const { port, password } = JSON.parse(readFileSync(join(folder, 'postgres.json'), 'utf8'));
  const client = new pg.Client(`postgres://postgres:${password}@127.0.0.1:${port}/postgres`);
  const refusal = await client.connect().catch((error) => error);
  // Nobody listens, or a server of another file that got the port meanwhile, which does not know this password.
  expect(['ECONNREFUSED', '28P01']).toContain(refusal?.code);
  const origin = /App +(http:\S+)/.exec(said)?.[1];
  if (origin) await expect(fetch(origin)).rejects.toThrow();
}

describe.skipIf(aDevelopmentServerRuns())('npm run demo', () => {
  test('tells the whole story of a hundred leads, and the second time finds them as they are', async () => {
    const first = await startDemo().ended;
    expect(first).toMatchObject({ code: 0, said: expect.not.stringContaining('DEAD_LETTER') });
    expect(first.said).toMatch(/100 % {2}completed, 100 of 100 rows/);
    expect(first.said).toContain(
      '✓ the rows add up: 79 created + 0 updated + 0 unchanged + 0 duplicate + 21 refused = 100',
    );
    expect(first.said).toMatch(
      /phone_invalid +21 +row 7: Phone 1: no such number exists; Phone 2: no such number exists/,
    );
    expect(first.said).toMatch(/leads in the CRM +79\n/);
    expect(first.said).toMatch(/invited +79\n +delivered +79\n/);
    expect(first.said).toMatch(/answered by the model +4\n +a draft waits for a person +2\n +opted out +1\n/);
    expect(first.said).toContain(
      '✓ nobody was messaged twice: WhatsApp counts 79 invitations to 79 people, at most 1 each',
    );
    expect(first.said).toContain('✓ no lead was created twice: the portal counts 79 of 79 leads, at most 1 each');
    expect(first.said).toMatch(/✓ nothing is stuck: 0 jobs .* 0 dead letters/);
    await expectNothingLeft(first.said);

    const second = await startDemo().ended;
    expect(second).toMatchObject({ code: 0, said: expect.stringContaining('imported before') });
    expect(second.said).toContain('✓ the rows add up: 0 created + 0 updated + 79 unchanged');
    expect(second.said).toMatch(/invited +79\n +delivered +78\n +skipped because of an earlier opt-out +1\n/);
    await expectNothingLeft(second.said);
  });

  test('with --chaos drains are killed and calls are lost, and still nobody gets anything twice', async () => {
    const { code, said } = await startDemo('--chaos', '--people', '100').ended;
    expect([code, said]).toEqual([0, expect.stringContaining('2 refused = 100')]);
    expect(Number(/jobs torn by kills +(\d+)/.exec(said)?.[1])).toBeGreaterThan(0); // else this was no chaos
    for (const claim of ['nobody was messaged twice', 'nobody was answered twice', 'no lead was created twice'])
      expect(said).toContain(`✓ ${claim}`);
    expect(said).toMatch(/✓ nothing is stuck: 0 jobs .* 0 dead letters/);
    expect(said).toContain('✓ every recipient came to an end: 98 of 98');
    await expectNothingLeft(said);
  });

  test('ends with an error and the reason when the file cannot be imported', async () => {
    const workbook = join(folder, 'leads.csv');
    writeFileSync(workbook, 'PK\x03\x04 a workbook');
    const { code, said } = await startDemo(workbook).ended;
    expect([code, said]).toEqual([1, expect.stringContaining('The file was refused: file_is_spreadsheet')]);
    expect(said).toContain('✗ NOT TRUE: the import is completed');
    await expectNothingLeft(said);
  });

  test('Ctrl-C stops all that it started', async () => {
    const { child, ended, says } = startDemo();
    await says('Database');
    child.kill('SIGINT');
    const { code, said } = await ended;
    expect([code, said]).toEqual([130, expect.stringContaining('Stopped.')]);
    await expectNothingLeft(said);
  });

  test('Ctrl-C twice, as a terminal and npm both send it, stops all that it started', async () => {
    const { child, ended, says } = startDemo();
    await says('Import ');
    child.kill('SIGINT');
    child.kill('SIGTERM'); // another signal: two of a kind could arrive as one
    const { code, said } = await ended;
    expect(code).toBe(130);
    await expectNothingLeft(said);
  });
});

test.each([['0'], ['5001'], ['many']])('--people %s is refused', async (people) => {
  const { code, said } = await startDemo('--chaos', '--people', people).ended;
  expect([code, said]).toEqual([1, expect.stringContaining('expected a whole number from 1 to 5000')]);
});

test('a file that is not there is named before anything is started', async () => {
  const { code, said } = await startDemo(join(folder, 'missing.csv')).ended;
  expect([code, said]).toEqual([1, expect.stringContaining('missing.csv cannot be read (ENOENT)')]);
  expect(existsSync(join(folder, 'postgres.json'))).toBe(false);
});

test('what answers at the port of the app counts only if it has the secrets of the demo', async () => {
  const shown = { ok: { status: 'ok', checks: [] }, refused: { error: { code: 'unauthorized', message: 'no' } } };
  const server = createServer(({ headers }, response) => {
    const isOurs = headers.authorization === 'Bearer ours';
    response.writeHead(isOurs ? 200 : 401).end(JSON.stringify(isOurs ? shown.ok : shown.refused));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  expect(await opensTo(origin, { OPERATOR_SECRET: 'ours' })).toBe(true);
  expect(await opensTo(origin, { OPERATOR_SECRET: 'theirs' })).toBe(false);
  server.close();
});

/** Next.js allows one per checkout: the demo would use it, and it has other secrets than ours. */
function aDevelopmentServerRuns(): boolean {
  const note = join(PROJECT, '.next', 'dev', 'lock');
  if (!existsSync(note)) return false;
  try {
    return process.kill(JSON.parse(readFileSync(note, 'utf8')).pid, 0);
  } catch {
    return false; // its process is gone, or the note is half written by one that ends
  }
}
