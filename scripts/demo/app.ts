/** The Next.js server that the demo talks to: the development server of this checkout, ours or one that runs already. */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { startApp, untilAnswers } from '@conversure/jobqueue/dev';
import { freePort } from '@conversure/jobqueue/embedded';
import { z } from 'zod';
import { dataFolder, PROJECT } from '../environment.ts';
import { openStandIns } from '../remote-systems.ts';
import type { Secrets } from '../secrets.ts';
import { SetupError } from '../setup-error.ts';
import { notedStandIns } from '../stand-ins-note.ts';
import { type Reached, reach } from './systems.ts';

export interface DemoApp {
  readonly origin: string;
  /** True if the demo started the app, so it also has to stop it. */
  readonly ours: boolean;
  /** The stand-ins that it talks to. */
  readonly reached: Reached;
  stop(): Promise<void>;
}

export interface DemoAppOptions {
  readonly secrets: Secrets;
  readonly databaseUrl: string;
  readonly stop: AbortSignal;
  /** Kills an app of ours that does not stop in time. */
  readonly force: AbortSignal;
}

/** A cold start compiles one route; that took 5 s on two busy cores. */
const START_MS = 120_000;
/** One that runs answers at once, or after its own cold start. Longer, and the note is another process's that has its number now. */
const RUNNING_MS = 20_000;
/** Losing the race for a port once is rare already. */
const ATTEMPTS = 3;
/** Lines of the app's log that explain a failed start. */
const LOG_LINES = 20;

/** Next.js allows one development server per checkout, so one that runs is used. Resolves once it answers. */
export async function openDemoApp(options: DemoAppOptions): Promise<DemoApp> {
  const running = await runningApp(options.stop);
  if (running) return { origin: running, ours: false, reached: reachedBy(running), stop: async () => {} };
  return startDemoApp(options);
}

/** An app with keys of real systems is not ours to try things with. */
function reachedBy(app: string): Reached {
  const noted = notedStandIns(dataFolder(), app);
  if (noted) return reach(noted);
  throw new SetupError(
    `The app that runs already (${app}) does not use the stand-ins of npm run dev on the data of this demo. Stop it first.`,
  );
}

async function startDemoApp(options: DemoAppOptions): Promise<DemoApp> {
  for (let attempt = 1; ; attempt++) {
    const app = await startOnFreePort(options);
    if (app !== null) return app;
    if (attempt === ATTEMPTS)
      throw new SetupError(
        `Other processes took the port of the app ${ATTEMPTS} times before it could listen. Start the demo again.`,
      );
  }
}

/** `null`: another process took the port between our look and the app's start, and it is that one which answers. */
async function startOnFreePort({ secrets, databaseUrl, stop, force }: DemoAppOptions): Promise<DemoApp | null> {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  mkdirSync(dataFolder(), { recursive: true });
  const logFile = join(dataFolder(), 'demo.log');
  const output = openSync(logFile, 'w', 0o600);
  const standIns = await openStandIns({ origin, environment: {} }); // whatever keys are set: a demo writes to nobody
  const app = startApp({
    args: [next(), 'dev', '--port', String(port), '--hostname', '127.0.0.1'],
    env: {
      ...secrets,
      ...standIns.env,
      DATABASE_URL: databaseUrl,
      NODE_ENV: 'development',
      NEXT_TELEMETRY_DISABLED: '1',
    },
    output,
  });
  closeSync(output); // the child has its own
  force.addEventListener('abort', app.kill);
  const ended = new AbortController();
  app.exited.finally(() => ended.abort());
  const answers = await untilAnswers(
    new URL('/api/health', origin),
    AbortSignal.any([stop, ended.signal, AbortSignal.timeout(START_MS)]),
  );
  const stopAll = () => app.stop().finally(standIns.stop);
  if (answers && (await opensTo(origin, secrets)))
    return { origin, ours: true, reached: reach(standIns), stop: stopAll };
  await stopAll();
  if (answers) return null;
  const said = readFileSync(logFile, 'utf8').trim().split('\n').slice(-LOG_LINES).join('\n');
  throw new SetupError(`The app did not start. The end of ${logFile}:\n${said}`);
}

/** True if the server at `origin` is an app with these secrets. */
export async function opensTo(origin: string, { OPERATOR_SECRET }: Pick<Secrets, 'OPERATOR_SECRET'>): Promise<boolean> {
  const headers = { authorization: `Bearer ${OPERATOR_SECRET}` };
  const response = await fetch(new URL('/api/health', origin), { headers, signal: AbortSignal.timeout(START_MS) });
  const health: unknown = await response.json().catch(() => null);
  return typeof health === 'object' && health !== null && 'checks' in health;
}

const next = () => createRequire(import.meta.url).resolve('next/dist/bin/next');

/** The note that Next.js leaves for other processes. A server that was killed leaves it behind. */
const Note = z.object({ pid: z.number(), port: z.number() });

async function runningApp(stop: AbortSignal): Promise<string | null> {
  const path = join(PROJECT, '.next', 'dev', 'lock');
  if (!existsSync(path)) return null;
  const note = Note.safeParse(readNote(path));
  if (!note.success || !isAlive(note.data.pid)) return null;
  const origin = `http://127.0.0.1:${note.data.port}`;
  const end = AbortSignal.any([stop, AbortSignal.timeout(RUNNING_MS)]);
  const answers = await untilAnswers(new URL('/api/health', origin), end);
  return answers ? origin : null;
}

function readNote(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null; // gone since, half written, or held by a lock that Windows enforces: then Next.js itself will say so
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // alive, and another user's
  }
}
