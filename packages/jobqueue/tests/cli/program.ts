/** The real program as a process, and the real endpoints behind a real HTTP server: what the tests of the command line share. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { PATIENT } from '../../../../tests/support/patient.ts';
import { programFile } from '../../../../tests/support/programs.ts';

/** As `npm install` links it: built by the run's setup if it was older than its source. */
export const PROGRAM = fileURLToPath(new URL('../../dist/cli/jobqueue.js', import.meta.url));
/** Has the configuration of the app beside the package, and no .env files. */
const APP = fileURLToPath(new URL('app', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Surroundings {
  /** All that the program finds in its environment, besides what Node needs. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string;
}

/** Starts it; the caller waits. */
export function start(args: readonly string[], { env = {}, cwd, stdin }: Surroundings = {}): ChildProcess {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd: cwd ?? APP,
    env: { PATH, HOME, ...env } as unknown as NodeJS.ProcessEnv,
    stdio: 'pipe',
  });
  child.stdin?.end(stdin ?? '');
  return child;
}

export async function run(args: readonly string[], surroundings: Surroundings = {}): Promise<Ended> {
  return ended(start(args, surroundings));
}

export async function ended(child: ChildProcess): Promise<Ended> {
  const [stdout, stderr] = [child.stdout ? text(child.stdout) : '', child.stderr ? text(child.stderr) : ''];
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout: await stdout, stderr: await stderr };
}

/** One command for host.ts. */
export interface Call {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface Host {
  /** As `run`, without a start: one command after the other. */
  run(args: readonly string[], surroundings?: Omit<Surroundings, 'stdin'>): Promise<Ended>;
  /** As `ask`. */
  ask(args: readonly string[], surroundings?: Omit<Surroundings, 'stdin'>): Promise<unknown>;
  close(): Promise<void>;
}

/** One process that runs all commands of a file that has dozens of them. */
export function host(): Host {
  const { PATH = '', HOME = '' } = process.env;
  const child = fork(programFile('commandHost'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const send = async (args: readonly string[], { env = {}, cwd = APP }: Surroundings = {}): Promise<Ended> => {
    const over = new AbortController();
    const answered = Promise.race([
      once(child, 'message', over).then(([answer]) => answer as Ended),
      once(child, 'exit', over).then(([code]) => {
        throw new Error(`jobqueue ${args.join(' ')} ended its process with ${code}`);
      }),
    ]);
    child.send({ program: PROGRAM, args, cwd, env: { PATH, HOME, ...env } } satisfies Call);
    return answered.finally(() => over.abort());
  };
  let before: Promise<unknown> = Promise.resolve();
  const run: Host['run'] = (args, surroundings) => {
    const ended = before.then(() => send(args, surroundings));
    before = ended.catch(() => undefined); // its own caller hears of it
    return ended;
  };
  return {
    run,
    ask: (args, surroundings) => asked(run, args, surroundings),
    async close() {
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    },
  };
}

/** With `--json`, an exit code of 0, and stdout as a value. */
export async function ask(args: readonly string[], surroundings: Surroundings = {}): Promise<unknown> {
  return asked(run, args, surroundings);
}

async function asked(by: typeof run, args: readonly string[], surroundings: Surroundings = {}): Promise<unknown> {
  const { code, stdout, stderr } = await by([...args, '--json'], surroundings);
  if (code !== 0) throw new Error(`jobqueue ${args.join(' ')} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout);
}

export interface Deployment {
  readonly url: string;
  close(): Promise<void>;
}

type Dispatcher = Record<string, (request: Request) => Promise<Response>>;

/** The dispatcher of a self-hosted app, on a port of its own; its environment is this process's. */
export async function deploy(): Promise<Deployment> {
  const api = (await import('../../../../app/api/route.local.ts')) as unknown as Dispatcher;
  const server = createServer(PATIENT, async (incoming, outgoing) => {
    const body = await text(incoming);
    const method = incoming.method ?? 'GET';
    const request = new Request(`http://localhost${incoming.url}`, {
      method,
      headers: incoming.headers as Record<string, string>,
      ...(method !== 'GET' && { body }),
    });
    const response = await (api[method] as (request: Request) => Promise<Response>)(request);
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    outgoing.end(await response.text());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.close();
      await once(server, 'close');
      const { database } = await import('../../src/postgres/connect.ts');
      await database().close();
    },
  };
}
