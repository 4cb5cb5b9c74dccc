/** The `paths` of an app's tsconfig.json as aliases of a loader: what `@/…` means there. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { Failure } from './failure.ts';

interface Tsconfig {
  readonly extends?: string | readonly string[];
  readonly compilerOptions?: {
    readonly baseUrl?: string;
    readonly paths?: Readonly<Record<string, readonly string[]>>;
  };
}

/** Configurations of configurations: three are usual. */
const MOST_EXTENDS = 10;

/** Prefix → folder, and name → file. Of several targets the first counts. Names of the package `except` are left out. */
export function pathAliases(folder: string, { except }: { readonly except: string }): Readonly<Record<string, string>> {
  const path = join(folder, 'tsconfig.json');
  const { base, paths } = existsSync(path) ? pathsOf(path, 0) : { base: folder, paths: {} };
  const aliases = Object.entries(paths).flatMap(([pattern, [target]]) => {
    const isOurs = pattern === except || pattern.startsWith(`${except}/`);
    if (target === undefined || isOurs || pattern.startsWith('*')) return [];
    return [
      [pattern.replace(/\*$/, ''), resolve(base, target.replace(/\*$/, '')) + (target.endsWith('/*') ? '/' : '')],
    ];
  });
  return Object.fromEntries(aliases) as Record<string, string>;
}

/** A configuration's own `paths` replace those of the ones it extends. */
function pathsOf(path: string, depth: number): { base: string; paths: Readonly<Record<string, readonly string[]>> } {
  const config = parseJsonc<Tsconfig>(readFileSync(path, 'utf8'), path);
  const { baseUrl = '.', paths } = config.compilerOptions ?? {};
  if (paths) return { base: resolve(dirname(path), baseUrl), paths };
  const parents = typeof config.extends === 'string' ? [config.extends] : (config.extends ?? []);
  for (const parent of parents.toReversed()) {
    const found = parentOf(path, parent);
    if (found !== null && depth < MOST_EXTENDS) return pathsOf(found, depth + 1);
  }
  return { base: dirname(path), paths: {} };
}

function parentOf(path: string, parent: string): string | null {
  const names = parent.endsWith('.json') ? [parent] : [`${parent}.json`, `${parent}/tsconfig.json`, parent];
  if (/^[./]/.test(parent)) return names.map((name) => resolve(dirname(path), name)).find(existsSync) ?? null;
  const { resolve: find } = createRequire(path);
  for (const name of names) {
    try {
      return find(name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  return null; // a preset that is not installed has no paths of this app
}

/** JSON with comments and trailing commas. Throws Failure, which names `path`. */
export function parseJsonc<Value>(text: string, path: string): Value {
  const plain = text
    .replace(/("(?:\\.|[^"\\])*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, '$1')
    .replace(/("(?:\\.|[^"\\])*")|,(?=\s*[}\]])/g, '$1');
  try {
    return JSON.parse(plain) as Value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new Failure(`${path} is not JSON: ${error.message}`);
  }
}
