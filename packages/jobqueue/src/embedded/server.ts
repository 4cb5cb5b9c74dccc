/** Creates, starts and stops one PostgreSQL server on a data folder. Speaks to PostgreSQL's own programs, not to SQL. */
import { spawn } from 'node:child_process';
import { chownSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Account } from './account.ts';
import type { Binaries } from './binaries.ts';

/** The folders of a server, and its system account. `home` belongs to `account` and also holds the server's log. */
export interface Place {
  readonly home: string;
  readonly account: Account | null;
  readonly binaries: Binaries;
}

/** The superuser of embedded servers. */
export const SUPERUSER = 'postgres';
/** A start after a crash replays the log; ten times what that took on a slow laptop. */
const START_SECONDS = 60;
/** A fast stop only writes a checkpoint. */
const STOP_SECONDS = 30;

/** The data folder of a server. */
export const dataFolder = ({ home }: Pick<Place, 'home'>) => join(home, 'data');
export const logFile = ({ home }: Pick<Place, 'home'>) => join(home, 'server.log');

/** Creates the data folder, unless it exists. Two at once are safe: the folder appears whole, by a rename, and one wins. */
export async function initialise(
  place: Place,
  options: { password: string; flags?: readonly string[] },
): Promise<void> {
  if (existsSync(dataFolder(place))) return;
  const passwordFile = join(place.home, `password-${process.pid}`);
  const fresh = join(place.home, `data-${process.pid}`);
  try {
    writeFileSync(passwordFile, `${options.password}\n`, { mode: 0o600 });
    if (place.account) chownSync(passwordFile, place.account.uid, place.account.gid);
    await run(place, 'initdb', [
      `--pgdata=${fresh}`,
      `--username=${SUPERUSER}`,
      `--pwfile=${passwordFile}`,
      '--encoding=UTF8',
      ...locale(place.binaries),
      ...(options.flags ?? []),
    ]);
    renameOrLose(fresh, dataFolder(place));
  } finally {
    rmSync(passwordFile, { force: true });
    rmSync(fresh, { recursive: true, force: true });
  }
}

/**
 * Starts the server on 127.0.0.1 and waits until it answers. It is detached: a Ctrl-C in our terminal does not reach it, so it
 * outlives the programs that have something to give back. Rejects with the end of the server's log.
 */
export async function startServer(place: Place, settings: Readonly<Record<string, string | number>>): Promise<void> {
  const all = { listen_addresses: '127.0.0.1', unix_socket_directories: '', timezone: 'UTC', ...settings };
  const flags = Object.entries(all).map(([name, value]) => `-c ${name}=${value}`);
  rmSync(logFile(place), { force: true }); // one run's log: enough to explain a failed start, and it cannot grow for ever
  await run(place, 'pg_ctl', [
    'start',
    '--wait',
    `--timeout=${START_SECONDS}`,
    `--pgdata=${dataFolder(place)}`,
    `--log=${logFile(place)}`,
    '-o',
    flags.join(' '),
  ]);
}

/** True if a start failed only because another process had just taken the port or the data folder: check again, then retry. */
export function lostRace(error: unknown): boolean {
  return /could not bind|already in use|lock file .* already exists/.test(String(error));
}

/** Ends the server's sessions and stops it. One that has stopped already, or was killed, is what we wanted. */
export async function stopServer(place: Place): Promise<void> {
  if (notedPort(place) === null) return;
  try {
    await run(place, 'pg_ctl', ['stop', '--mode=fast', `--timeout=${STOP_SECONDS}`, `--pgdata=${dataFolder(place)}`]);
  } catch (error) {
    if (!/No such process|PID file .* does not exist/.test(String(error))) throw error;
  }
}

/** The port that the data folder's server says it listens on; `null` if it left no such note. It may have died since. */
export function notedPort(place: Pick<Place, 'home'>): number | null {
  const note = join(dataFolder(place), 'postmaster.pid');
  if (!existsSync(note)) return null;
  const port = Number(readFileSync(note, 'utf8').split('\n')[3]); // pid, folder, start time, port, …
  return Number.isInteger(port) && port > 0 ? port : null;
}

/** Code-point order with Unicode's upper and lower case, as Neon's default is: built in from 17 on, the system's before. */
function locale({ major }: Binaries): string[] {
  if (major < 17) return ['--locale=C.UTF-8'];
  return ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
}

function renameOrLose(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!existsSync(to)) throw error; // else another process was faster, and its folder is as good
  }
}

/** Runs one of PostgreSQL's programs as the server's account. Rejects with what it said and the end of the server's log. */
function run(place: Place, program: string, args: string[]): Promise<void> {
  const child = spawn(join(place.binaries.bin, program), args, {
    ...place.account,
    cwd: place.home,
    env: environment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: process.platform !== 'win32', // a Ctrl-C is ours to handle: half an initdb helps nobody
    windowsHide: true,
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4_000); // its last words explain a failure
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    // On Windows a started server inherits the pipes: 'close', which waits for all that was said, comes only after failures.
    child.once('exit', (code) => {
      if (code !== 0) return;
      for (const stream of [child.stdout, child.stderr]) stream.destroy();
      resolve();
    });
    child.once('close', (code) => {
      if (code !== 0) reject(new Error(`${program} ended with ${code}: ${said.trim()}\n${logTail(place)}`.trim()));
    });
  });
}

function logTail(place: Place): string {
  return existsSync(logFile(place)) ? readFileSync(logFile(place), 'utf8').slice(-2_000) : '';
}

/** Ours without `PG…`, which would redirect these programs, and with messages in the language that we can read. */
function environment(): NodeJS.ProcessEnv {
  const redirecting = Object.keys(process.env).filter((name) => name.startsWith('PG'));
  return { ...process.env, ...Object.fromEntries(redirecting.map((name) => [name, undefined])), LC_ALL: 'C' };
}
