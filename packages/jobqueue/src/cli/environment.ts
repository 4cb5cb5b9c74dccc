/**
 * Reads the environment of the command line: addresses, and all secrets. Flags carry no secrets, because every user of a machine
 * sees them.
 */
import { userInfo } from 'node:os';
import { schemaName } from '../postgres/schema.ts';
import { parseDatabaseUrl } from '../postgres/url.ts';
import { UsageError } from './failure.ts';

export interface Where {
  /** A URL without a password, or the name of a variable that holds a whole one. */
  readonly database?: string;
  readonly url?: string;
  /** The path of the app's configuration; default: the one that is found. */
  readonly config?: string;
}

export type Place = { readonly kind: 'http'; readonly url: URL } | { readonly kind: 'database'; readonly url: string };

/** Flags before variables; a deployment named by JOBQUEUE_URL before a DATABASE_URL that is there for the app's sake. */
export function placeOf({ database, url }: Where): Place {
  if (database !== undefined && url !== undefined)
    throw new UsageError('--database and --url exclude each other: give one of them');
  if (url !== undefined) return { kind: 'http', url: deploymentUrl(url, '--url') };
  if (database !== undefined) return { kind: 'database', url: namedDatabase(database) };
  if (process.env.JOBQUEUE_URL) return { kind: 'http', url: deploymentUrl(process.env.JOBQUEUE_URL, 'JOBQUEUE_URL') };
  return { kind: 'database', url: databaseUrl() };
}

/** The database of a command that does not work over HTTP. */
export function databaseOf({ database, url }: Where, command: string): string {
  if (url !== undefined)
    throw new UsageError(`${command} works on a database, not over HTTP: use --database or DATABASE_URL`);
  return database === undefined ? databaseUrl() : namedDatabase(database);
}

/** Makes it the database of this process: handlers and migrations find it where the app would. */
export function chooseDatabase(url: string): void {
  if (url === process.env.DATABASE_URL) return;
  process.env.DATABASE_URL = url;
  delete process.env.DATABASE_URL_UNPOOLED; // that of another database
}

function databaseUrl(): string {
  const url = process.env.DATABASE_URL || process.env.DATABASE_URL_UNPOOLED;
  if (url) return url;
  throw new UsageError(
    'no queue is named: set DATABASE_URL or JOBQUEUE_URL (a deployment, with OPERATOR_SECRET), here or in .env.local, or give --url',
  );
}

function namedDatabase(given: string): string {
  if (/^[A-Z][A-Z0-9_]*$/.test(given)) {
    const url = process.env[given];
    if (url) return url;
    throw new UsageError(`--database ${given}: this variable is not set in the environment`);
  }
  parseDatabaseUrl(given);
  if (new URL(given).password !== '')
    throw new UsageError(
      '--database: a password does not belong on a command line. Put the URL into a variable and name that: --database STAGING_URL',
    );
  return given;
}

function deploymentUrl(given: string, from: string): URL {
  const url = URL.canParse(given) ? new URL(given) : null;
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new UsageError(`${from}: expected an address such as https://app.example.com`);
  if (url.username !== '' || url.password !== '')
    throw new UsageError(`${from}: expected no user and no password in it; OPERATOR_SECRET is the secret`);
  const isHere = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url.protocol === 'http:' && !isHere)
    throw new UsageError(`${from}: expected https, because over http anyone on the way could read the secret`);
  return url;
}

/** The schema of the queue's tables: that of `--schema` or JOBQUEUE_SCHEMA before the configuration's; undefined where none is named. */
export function namedSchema({ schema }: { readonly schema?: string }): string | undefined {
  return process.env.JOBQUEUE_SCHEMA || schema;
}

/** Makes it the schema of this process. Throws QueueError `option_invalid`. */
export function chooseSchema(name: string): string {
  process.env.JOBQUEUE_SCHEMA = schemaName(name, { call: '--schema' });
  return name;
}

/** The environment of this process, by the same variables as an app's queue; undefined if neither is set. */
export function ownEnvironment(): string | undefined {
  return process.env.JOBQUEUE_ENVIRONMENT || process.env.VERCEL_ENV || undefined;
}

/** The bearer for the API. Undefined while it is unset. */
export function bearer(name: 'OPERATOR_SECRET' | 'QUEUE_API_KEY'): string | undefined {
  return process.env[name] || undefined;
}

/** The default actor in the audit log. */
export function actorName(): string {
  return `cli:${userInfo().username}`;
}

export function wantsColour(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && !process.env.NO_COLOR;
}
