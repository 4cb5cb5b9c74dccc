/** Reads an app's folder: where its files lie, what it has installed, how it is configured. Writes nothing. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../failure.ts';
import { parseJson } from './edits.ts';
import type { Layout } from './templates.ts';

export interface App extends Layout {
  /** Names and ranges of `dependencies` and `devDependencies`. */
  readonly dependencies: Readonly<Record<string, string>>;
  /** The text of a file of the app; null if it does not exist. */
  read(path: string): string | null;
}

/** Throws Failure unless the folder holds a Next.js app with a router and TypeScript. */
export function readApp(folder: string): App {
  const read = (path: string) => (existsSync(join(folder, path)) ? readFileSync(join(folder, path), 'utf8') : null);
  const manifest = parseJson(read('package.json') ?? '');
  const dependencies = {
    ...(manifest?.dependencies as Record<string, string> | undefined),
    ...(manifest?.devDependencies as Record<string, string> | undefined),
  };
  if (!('next' in dependencies))
    throw new Failure(`${folder} holds no Next.js app: expected a package.json that names next`);
  const base = baseOf(folder);
  if (base === null)
    throw new Failure(`${folder}: expected an app router (app/ or src/app/), because the cron route goes there`);
  const tsconfig = read('tsconfig.json');
  if (tsconfig === null)
    throw new Failure(
      `${folder}: expected TypeScript. Make an empty tsconfig.json, run next dev once, then run this again`,
    );
  return { base, hasAlias: namesBase(tsconfig, base), dependencies, read };
}

/** Next.js itself takes `app` before `src/app`. Routes of the app router work beside `pages`. */
function baseOf(folder: string): App['base'] | null {
  const found = ['app', 'src/app', 'pages', 'src/pages'].find((path) => existsSync(join(folder, path)));
  if (found === undefined) return null;
  return found.startsWith('src/') ? 'src/' : '';
}

/** A `tsconfig.json` with comments counts as one without the alias: relative imports always work. */
function namesBase(tsconfig: string, base: string): boolean {
  const options = parseJson(tsconfig)?.compilerOptions as
    | { baseUrl?: unknown; paths?: Record<string, unknown> }
    | undefined;
  const targets = options?.paths?.['@/*'];
  const isPlain = options?.baseUrl === undefined || options.baseUrl === '.' || options.baseUrl === './';
  return isPlain && Array.isArray(targets) && targets[0] === `./${base}*`;
}
