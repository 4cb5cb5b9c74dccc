/** The part of this checkout that an app gets: the queue's core, its way to Postgres, and its SQL. Nothing of the domain. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { PROJECT } from '../../scripts/environment.ts';

const FILES = [
  'db/client.ts',
  'db/connectionError.ts',
  'db/database.ts',
  'db/deadlines.ts',
  'db/diagnosis.ts',
  'db/errors.ts',
  'db/migrate.ts',
  'db/migrationSession.ts',
  'db/url.ts',
  'db/drivers/decode.ts',
  'db/drivers/neon.ts',
  'db/drivers/pool.ts',
  'db/drivers/postgres.ts',
];
const FOLDERS = ['lib/jobqueue', 'db/jobqueue/functions', 'db/jobqueue/migrations'];
/** Needs a library that an app may not have; copy it by hand for traces. */
const LEFT_OUT = ['lib/jobqueue/opentelemetry.ts'];

/** Path, relative to the queue's folder, and text. */
export function copiedFiles(): readonly (readonly [path: string, text: string])[] {
  const found = FOLDERS.flatMap((folder) =>
    readdirSync(join(PROJECT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(PROJECT.length).replaceAll('\\', posix.sep)),
  );
  return [...FILES, ...found]
    .filter((path) => !LEFT_OUT.includes(path))
    .sort()
    .map((path) => [path, readFileSync(join(PROJECT, path), 'utf8')]);
}

/** What the copied code imports, at the versions that it was tested with. */
const DEPENDENCIES = [
  '@neondatabase/serverless',
  '@vercel/functions',
  'croner',
  'drizzle-orm',
  'ms',
  'pg',
  'tsx',
  'ws',
  'zod',
];
const TYPES = ['@types/ms', '@types/pg', '@types/ws'];

export interface Needed {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

export function needed(): Needed {
  const ours = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')) as Needed;
  const pick = (all: Readonly<Record<string, string>>, names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, all[name] ?? '*']));
  return {
    version: ours.version,
    dependencies: pick(ours.dependencies, DEPENDENCIES),
    devDependencies: pick(ours.devDependencies, TYPES),
  };
}
