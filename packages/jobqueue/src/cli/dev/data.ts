/** `.jobqueue` of an app: the embedded database's data and the development secrets, out of reach of git. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const NAMES = ['CRON_SECRET', 'OPERATOR_SECRET', 'QUEUE_API_KEY'] as const;

export type DevelopmentSecrets = Readonly<Record<(typeof NAMES)[number], string>>;

/** Made on first use, with a `.gitignore` that names itself. */
export function dataFolder(folder: string): string {
  const data = join(folder, '.jobqueue');
  mkdirSync(data, { recursive: true });
  const ignore = join(data, '.gitignore');
  if (!existsSync(ignore)) writeFileSync(ignore, '*\n');
  return data;
}

/** The environment's, and for those that it does not set random ones, made once and kept with mode 600. */
export function developmentSecrets(folder: string): DevelopmentSecrets {
  const path = join(dataFolder(folder), 'secrets.json');
  const stored: unknown = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
  const kept = (name: string) => {
    const value = (stored as Partial<Record<string, unknown>>)[name];
    return typeof value === 'string' && value.length >= 16 ? value : null;
  };
  const all = NAMES.map((name) => [name, kept(name) ?? randomBytes(24).toString('base64url')] as const);
  if (NAMES.some((name) => kept(name) === null)) {
    writeFileSync(`${path}.${process.pid}`, JSON.stringify(Object.fromEntries(all), null, 2), { mode: 0o600 });
    renameSync(`${path}.${process.pid}`, path);
  }
  return Object.fromEntries(all.map(([name, value]) => [name, process.env[name] || value])) as DevelopmentSecrets;
}
