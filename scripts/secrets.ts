/**
 * The three secrets that open the app's doors, and the key that companies' secrets are encrypted with: made at random once per data
 * folder in development, demanded in production.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { acceptedSecrets } from '@conversure/jobqueue/next';
import { z } from 'zod';
import type { SecretName } from '../lib/config.ts';
import { SecretError, secretsKeys } from '../lib/secrets/environment.ts';
import { SetupError } from './setup-error.ts';

/** Secrets that are made if missing. METRICS_SECRET falls back to the operator's, and those of remote systems come from there. */
type NeededSecret = Extract<SecretName, 'CRON_SECRET' | 'OPERATOR_SECRET' | 'QUEUE_API_KEY'>;

const DOES: Readonly<Record<NeededSecret | 'SECRETS_KEY', string>> = {
  CRON_SECRET: 'opens the cron endpoints',
  OPERATOR_SECRET: 'opens the pages and POST /api/drain',
  QUEUE_API_KEY: 'opens /api/jobs and /api/imports',
  SECRETS_KEY: "encrypts companies' secrets",
};
type Name = keyof typeof DOES;
const NAMES = Object.keys(DOES) as Name[];
const DOORS = NAMES.filter((name) => name !== 'SECRETS_KEY');

export type Secrets = Readonly<Record<Name, string>>;

const Stored = z.record(z.string(), z.string()); // an older version's secrets may be among them

/** Secrets of the environment. Missing ones are read from `folder`, where they are created on first use with mode 600. */
export function developmentSecrets(folder: string): Secrets {
  const path = join(folder, 'secrets.json');
  const stored = existsSync(path) ? Stored.parse(JSON.parse(readFileSync(path, 'utf8'))) : {};
  const all = Object.fromEntries(NAMES.map((name) => [name, stored[name] ?? made(name)]));
  if (NAMES.some((name) => stored[name] === undefined)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${path}.${process.pid}`, JSON.stringify(all, null, 2), { mode: 0o600 });
    renameSync(`${path}.${process.pid}`, path);
  }
  return pick((name) => process.env[name] || (all[name] as string));
}

/** Throws unless all are set and strong enough: an app that starts half closed looks healthy until it is needed. */
export function productionSecrets(): Secrets {
  const missing = DOORS.filter((name) => acceptedSecrets(name).length === 0);
  if (missing.length > 0) {
    const lines = missing.map((name) => `  ${name.padEnd(16)}${DOES[name]}`);
    throw new SetupError(
      `These secrets are unset, or not 16 to 512 visible ASCII characters:\n${lines.join('\n')}\nMake one with: node -p "crypto.randomBytes(24).toString('base64url')"`,
    );
  }
  requireSecretsKey();
  return pick((name) => process.env[name] as string);
}

/** Throws unless `SECRETS_KEY` is one: without it no company's secret could be read or saved. */
export function requireSecretsKey(): void {
  try {
    secretsKeys();
  } catch (error) {
    if (!(error instanceof SecretError)) throw error;
    throw new SetupError(error.message, { cause: error });
  }
}

/**
 * One line for each secret, to be printed in a developer's terminal. A secret from the environment is only named, because it may
 * be a real one.
 */
export function describe(secrets: Secrets): string[] {
  return NAMES.map((name) => {
    const value = process.env[name] ? '(from the environment)' : secrets[name];
    return `${name.padEnd(16)}${value.padEnd(45)}${DOES[name]}`;
  });
}

function made(name: Name): string {
  return randomBytes(name === 'SECRETS_KEY' ? 32 : 24).toString('base64url');
}

function pick(of: (name: Name) => string): Secrets {
  return {
    CRON_SECRET: of('CRON_SECRET'),
    OPERATOR_SECRET: of('OPERATOR_SECRET'),
    QUEUE_API_KEY: of('QUEUE_API_KEY'),
    SECRETS_KEY: of('SECRETS_KEY'),
  };
}
