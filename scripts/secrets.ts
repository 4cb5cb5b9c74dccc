/** The three secrets that open the app's doors: made at random once per data folder in development, demanded in production. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { acceptedSecrets, type SecretName } from '../lib/config.ts';
import { SetupError } from './setupError.ts';

/** Of the others METRICS_SECRET falls back to the operator's, and those of remote systems come from there. */
type NeededSecret = Extract<SecretName, 'CRON_SECRET' | 'OPERATOR_SECRET' | 'QUEUE_API_KEY'>;

const OPENS: Readonly<Record<NeededSecret, string>> = {
  CRON_SECRET: 'the cron endpoints',
  OPERATOR_SECRET: 'the pages and POST /api/drain',
  QUEUE_API_KEY: '/api/jobs and /api/imports',
};
const NAMES = Object.keys(OPENS) as NeededSecret[];

export type Secrets = Readonly<Record<NeededSecret, string>>;

const Stored = z.record(z.string(), z.string()); // an older version's secrets may be among them

/** What the environment does not set comes from `folder`, where it is made on first use and kept with mode 600. */
export function developmentSecrets(folder: string): Secrets {
  const path = join(folder, 'secrets.json');
  const stored = existsSync(path) ? Stored.parse(JSON.parse(readFileSync(path, 'utf8'))) : {};
  const all = Object.fromEntries(NAMES.map((name) => [name, stored[name] ?? randomBytes(24).toString('base64url')]));
  if (NAMES.some((name) => stored[name] === undefined)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${path}.${process.pid}`, JSON.stringify(all, null, 2), { mode: 0o600 });
    renameSync(`${path}.${process.pid}`, path);
  }
  return pick((name) => process.env[name] || (all[name] as string));
}

/** Throws unless all are set and strong enough: an app that starts half closed looks healthy until it is needed. */
export function productionSecrets(): Secrets {
  const missing = NAMES.filter((name) => acceptedSecrets(name).length === 0);
  if (missing.length > 0) {
    const lines = missing.map((name) => `  ${name.padEnd(16)}opens ${OPENS[name]}`);
    throw new SetupError(
      `These secrets are unset, or not 16 to 512 visible ASCII characters:\n${lines.join('\n')}\nMake one with: node -p "crypto.randomBytes(24).toString('base64url')"`,
    );
  }
  return pick((name) => process.env[name] as string);
}

/** One line each, for the terminal of a developer. A secret of the environment is named, not shown: it may be a real one. */
export function describe(secrets: Secrets): string[] {
  return NAMES.map((name) => {
    const value = process.env[name] ? '(from the environment)' : secrets[name];
    return `${name.padEnd(16)}${value.padEnd(34)}opens ${OPENS[name]}`;
  });
}

function pick(of: (name: NeededSecret) => string): Secrets {
  return {
    CRON_SECRET: of('CRON_SECRET'),
    OPERATOR_SECRET: of('OPERATOR_SECRET'),
    QUEUE_API_KEY: of('QUEUE_API_KEY'),
  };
}
