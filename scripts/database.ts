/** Chooses and migrates the database of a script. Errors name the variable to change. */

import {
  addressOf,
  connectionError,
  directUrl,
  type MigrateReport,
  MigrationError,
  migrate,
} from '@conversure/jobqueue/postgres';
import { MIGRATIONS } from '../db/migrations.ts';
import { environment } from '../lib/config.ts';
import { dataFolder } from './environment.ts';
import { SetupError } from './setup-error.ts';

export interface ScriptDatabase {
  /** The app's `DATABASE_URL`. */
  readonly url: string;
  /** The address without user and password, to be used in messages. */
  readonly address: string;
  /** True for the embedded PostgreSQL. */
  readonly embedded: boolean;
  /** Over the direct URL, whose address it answers, with what was applied. */
  migrate(log: (line: string) => void): Promise<Migrated>;
  /** Stops the embedded server if we started it; a database of the environment is left alone. */
  stop(): Promise<void>;
}

export interface Migrated extends MigrateReport {
  readonly address: string;
}

/** `DATABASE_URL`, migrated over `DATABASE_URL_UNPOOLED` if that is set; else, where allowed, the embedded one. */
export async function openDatabase({ embedded }: { embedded: boolean }): Promise<ScriptDatabase> {
  const url = process.env.DATABASE_URL || process.env.DATABASE_URL_UNPOOLED;
  if (!url && embedded) return openEmbedded();
  if (!url)
    throw new SetupError(
      'DATABASE_URL is not set: set it to postgresql://user:password@host:5432/database. Only npm run dev brings a database of its own.',
    );
  return {
    url,
    address: addressOf(url),
    embedded: false,
    migrate: migrateDirectly,
    stop: async () => {},
  };
}

async function openEmbedded(): Promise<ScriptDatabase> {
  const { start } = await import('@conversure/jobqueue/embedded');
  const { url, stop } = await start({ folder: dataFolder() });
  const address = `${addressOf(url)}, embedded`;
  return { url, address, embedded: true, migrate: (log) => migrateEmbedded(url, log), stop };
}

async function migrateEmbedded(url: string, log: (line: string) => void): Promise<Migrated> {
  try {
    return { address: addressOf(url), ...(await migrate({ url, sources: MIGRATIONS, log })) };
  } catch (error) {
    if (!(error instanceof MigrationError)) throw error;
    const advice = `This is the embedded database of ${dataFolder()}: if nothing in it matters, delete that folder and start again.`;
    throw new SetupError(`${error.message}\n${advice}`, { cause: error });
  }
}

async function migrateDirectly(log: (line: string) => void): Promise<Migrated> {
  const { variable, url } = directUrl();
  const address = addressOf(url);
  try {
    return { address, ...(await migrate({ url, environment: environment(), sources: MIGRATIONS, log })) };
  } catch (error) {
    if (error instanceof MigrationError) throw error; // it names its file
    throw connectionError(error, { variable, address }) ?? error;
  }
}
