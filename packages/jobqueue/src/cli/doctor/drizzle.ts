/** Reads the app's drizzle-kit configuration: `drizzle-kit push` drops what its schemas hold and the app does not declare. Runs none of it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Finding, ok, warn } from './finding.ts';

const NAMES = ['drizzle.config.ts', 'drizzle.config.js', 'drizzle.config.json'];

/** Null: the folder has no such configuration. `schema`: the queue's. */
export function drizzleFinding(folder: string, schema: string): Finding | null {
  const name = NAMES.find((file) => existsSync(join(folder, file)));
  if (name === undefined) return null;
  const filter = schemaFilterOf(readFileSync(join(folder, name), 'utf8'));
  if (filter === 'default')
    return ok('drizzle-kit', `${name} names no schemas: drizzle-kit 0.31 looks at public alone`);
  const mend = `schemaFilter: ['public'] and your own schemas, each by its name, without ${schema}`;
  if (filter === 'computed')
    return warn('drizzle-kit', `schemaFilter of ${name} is computed, so it cannot be checked`, mend);
  const reaching = filter.length === 0 ? 'an empty list' : filter.find((pattern) => reaches(pattern, schema));
  if (reaching === undefined) return ok('drizzle-kit', `schemaFilter of ${name} leaves the schema ${schema} out`);
  return warn(
    'drizzle-kit',
    `schemaFilter of ${name} has ${reaching}: drizzle-kit push would drop the queue's tables`,
    mend,
  );
}

/** The names and patterns of the option; `computed`: it is not written out. */
function schemaFilterOf(text: string): readonly string[] | 'default' | 'computed' {
  const code = text.replace(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, '');
  const found = /\bschemaFilter\b["']?\s*:\s*(\[[^\]]*\]|"[^"]*"|'[^']*'|`[^`]*`)?/.exec(code);
  if (found === null) return /\bschemaFilter\b/.test(code) ? 'computed' : 'default';
  const [, value = ''] = found;
  const literals = [...value.matchAll(/"([^"]*)"|'([^']*)'|`([^`$]*)`/g)].map(([, a, b, c]) => a ?? b ?? c ?? '');
  const rest = value.replace(/"[^"]*"|'[^']*'|`[^`$]*`|[[\],\s]/g, '');
  return value === '' || rest !== '' ? 'computed' : literals;
}

/** A name, or a pattern as drizzle-kit 1.0 reads it: `*` and `?`; a `!` excludes. */
function reaches(pattern: string, schema: string): boolean {
  if (pattern.startsWith('!')) return false;
  const regular = pattern
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${regular}$`).test(schema);
}
