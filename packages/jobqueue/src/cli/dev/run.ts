/** Runs `jobqueue dev`: the database, its migrations, the app and its ticker. Ends only processes that it started. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JobqueueConfig } from '../../config.ts';
import { diagnose } from '../../core/diagnosis.ts';
import { type Command, listenForStop, readSchedules, supervise, type TickerSchedule } from '../../dev/index.ts';
import { isForeign } from '../../drain/environment.ts';
import { firstFreePort, start } from '../../embedded/index.ts';
import { connect } from '../../postgres/connect.ts';
import { addressOf, connectionError } from '../../postgres/connection-error.ts';
import { tickPathOf } from '../doctor/cron.ts';
import { chooseDatabase } from '../environment.ts';
import { Failure } from '../failure.ts';
import { loadConfig, packageRoot } from '../load-config.ts';
import { queueWithoutTypes } from '../load-queue.ts';
import { applyPending } from '../migrations.ts';
import { note } from '../output.ts';
import { dataFolder, developmentSecrets } from './data.ts';

/** As `jobqueue dev` takes them. */
export interface DevOptions {
  readonly config?: string;
  readonly port?: number;
  /** Between ticks, ms. */
  readonly every: number;
}

/** As many as a developer could have open; further on something is wrong. */
const PORTS = 20;

/** Resolves to the exit code: the app's own if it ended by itself, 0 after Ctrl-C. */
export async function runDev(given: readonly string[], options: DevOptions): Promise<number> {
  const signals = listenForStop();
  const folder = packageRoot();
  const command = given.length > 0 ? quoted(given) : devScript(folder);
  const config = (await loadConfig(options.config))?.config ?? {};
  const secrets = developmentSecrets(folder);
  const database = await openDatabase(folder, config);
  try {
    const wanted = options.port ?? (Number(process.env.PORT) || 3000);
    const port = await firstFreePort(wanted, { count: PORTS });
    if (port !== wanted) note(`Port ${wanted} is taken; using ${port}.`);
    for (const [name, value] of Object.entries(secrets))
      note(`${name}  ${process.env[name] ? '(from the environment)' : value}`);
    return await supervise({
      app: appCommand(command, folder, { ...secrets, DATABASE_URL: database.url, PORT: String(port) }),
      origin: `http://localhost:${port}`,
      readyPath: tickPathOf(folder),
      schedules: schedulesOf(folder, options.every),
      cronSecret: secrets.CRON_SECRET,
      signals,
      print: note,
    });
  } finally {
    await database.stop();
  }
}

/** DATABASE_URL, migrated over the direct URL; else the embedded one. */
async function openDatabase(
  folder: string,
  config: JobqueueConfig,
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const { DATABASE_URL: url } = process.env;
  if (url) {
    await refuseForeign(url, config);
    await applyMigrations(config);
    note(`Database  ${addressOf(url)}`);
    return { url, stop: async () => {} };
  }
  const embedded = await start({ folder: dataFolder(folder) });
  try {
    chooseDatabase(embedded.url);
    await applyMigrations(config);
    note(`Database  ${addressOf(embedded.url)}, embedded, data in ${dataFolder(folder)}`);
    return embedded;
  } catch (error) {
    await embedded.stop();
    throw error;
  }
}

/** The database of a deployment is left alone: the migrations of a checkout may be ahead of the code that runs there. Throws Failure. */
async function refuseForeign(url: string, config: JobqueueConfig): Promise<void> {
  const database = connect(url);
  try {
    const environments = await queueWithoutTypes(database, config).environments();
    if (!isForeign(environments)) return;
    throw new Failure(
      `DATABASE_URL names a database of the environment '${environments.owner}' (${addressOf(url)}): dev neither migrates nor drains it. Name one of ` +
        'your own, or leave DATABASE_URL unset for an embedded one. A copy or a branch becomes yours by npx jobqueue adopt --none',
    );
  } catch (error) {
    if (diagnose(error)?.failure === 'not_migrated') return; // a new database belongs to nobody
    throw connectionError(error, { variable: 'DATABASE_URL', address: addressOf(url) }) ?? error;
  } finally {
    await database.close();
  }
}

/** A new database gets a hundred: their number says enough here. */
async function applyMigrations(config: JobqueueConfig): Promise<void> {
  const { applied } = await applyPending(config, {});
  if (applied.length > 0) note(`Applied ${applied.length} migrations.`);
}

/** The crons of vercel.json, the drain's more often; without any, the drain alone. */
function schedulesOf(folder: string, everyMs: number): TickerSchedule[] {
  const drain = tickPathOf(folder);
  const json = join(folder, 'vercel.json');
  const others = existsSync(json) ? readSchedules(json).filter(({ path }) => path !== drain) : [];
  return [{ path: drain, schedule: `*/${Math.round(everyMs / 1_000)} * * * * *` }, ...others]; // with seconds
}

function devScript(folder: string): string {
  const path = join(folder, 'package.json');
  const { scripts } = JSON.parse(readFileSync(path, 'utf8')) as { scripts?: Readonly<Record<string, string>> };
  const script = scripts?.dev;
  if (script !== undefined && !/\bjobqueue dev\b/.test(script)) return script;
  const why = script === undefined ? 'has no script dev' : 'has a script dev that starts this command';
  throw new Failure(`${path} ${why}: name the app's server, such as npx jobqueue dev -- next dev`);
}

/** Runs the app's command in a shell, with the package's own programs in the path, as npm runs scripts. */
function appCommand(command: string, folder: string, env: Readonly<Record<string, string>>): Command {
  const separator = process.platform === 'win32' ? ';' : ':';
  const PATH = [join(folder, 'node_modules/.bin'), process.env.PATH].join(separator);
  return {
    program: command,
    args: [],
    shell: true,
    cwd: folder,
    // Next.js' own 100 ms would kill a development server before its drain has given back.
    env: { NEXT_EXIT_TIMEOUT_MS: '10000', ...env, PATH, NODE_ENV: 'development' },
  };
}

function quoted(words: readonly string[]): string {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word))).join(' ');
}
