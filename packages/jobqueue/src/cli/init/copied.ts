/** The part of this checkout that an app gets: the queue's core, its way to Postgres, and its SQL. Nothing of the domain. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { PROJECT } from '../../../../../scripts/environment.ts';

const FOLDERS = [
  'db',
  'packages/jobqueue/src/postgres/drivers',
  'packages/jobqueue/sql/functions',
  'packages/jobqueue/sql/migrations',
  'packages/jobqueue/src',
  'packages/jobqueue/src/postgres/statements',
];
/** Traces need a library that an app may not have, so their adapter is copied by hand; an app has a PostgreSQL of its own. */
const LEFT_OUT = ['packages/jobqueue/src/monitoring/opentelemetry.ts', 'packages/jobqueue/src/embedded/start.ts'];

/** Path, relative to the queue's folder, and text. */
export function copiedFiles(): readonly (readonly [path: string, text: string])[] {
  const found = FOLDERS.flatMap((folder) =>
    readdirSync(join(PROJECT, folder), { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => posix.join(folder, name)),
  );
  return found
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
