/** Finds the app's `jobqueue.config.ts` and loads it, and what it names, whatever the app's modules are written in. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Jiti } from 'jiti';
import { defineConfig, type JobqueueConfig } from '../config.ts';
import { Failure, UsageError } from './failure.ts';
import { pathAliases } from './tsconfig-paths.ts';

const NAMES = ['ts', 'mts', 'js', 'mjs'].map((extension) => `jobqueue.config.${extension}`);
const PACKAGE = '@conversure/jobqueue';

export interface AppConfig {
  /** Absolute. */
  readonly path: string;
  readonly config: JobqueueConfig;
}

/** The folder that a command works in: the nearest one from here upwards that holds a package.json, else this one. */
export function packageRoot(from = process.cwd()): string {
  return upwards(from).find((folder) => existsSync(join(folder, 'package.json'))) ?? from;
}

/** The path of the app's configuration; null if there is none from here up to the package's root. */
export function findConfig(from = process.cwd()): string | null {
  const root = packageRoot(from);
  for (const folder of upwards(from)) {
    const name = NAMES.find((each) => existsSync(join(folder, each)));
    if (name !== undefined) return join(folder, name);
    if (folder === root) return null;
  }
  return null;
}

/** `given`: the path of `--config`. Null if none is given and none is found. Throws Failure if it does not load. */
export async function loadConfig(given: string | undefined): Promise<AppConfig | null> {
  const path = given === undefined ? findConfig() : resolve(given);
  if (path === null) return null;
  if (!existsSync(path)) throw new UsageError(`--config ${given}: this file does not exist`);
  const found = await loaded(path, async () => {
    const jiti = await loaderFor(path);
    return jiti.import<{ default?: unknown }>(path);
  });
  const config = found.default;
  if (typeof config !== 'object' || config === null)
    throw new Failure(`${path}: expected export default defineConfig({ … }), found no default export`);
  return { path, config: defineConfig(config as JobqueueConfig) };
}

/** Awaits `load`. A failure becomes one that names `path`, with the stack, because the mistake is in the app's own code. */
export async function loaded<Value>(path: string, load: () => Promise<Value>): Promise<Value> {
  try {
    return await load();
  } catch (error) {
    const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new Failure(`${path} does not load: ${told}`, { cause: error });
  }
}

/**
 * TypeScript, `paths` of tsconfig.json and JSX as in the app. The package itself is never compiled: the app's jobs and this program have
 * to share one copy of its errors.
 */
async function loaderFor(path: string): Promise<Jiti> {
  const { createJiti } = await import('jiti');
  const folder = dirname(path);
  return createJiti(path, {
    alias: {
      ...pathAliases(folder, { except: PACKAGE }),
      // Outside of Next.js' server bundle that package does nothing but throw.
      'server-only': fileURLToPath(new URL('./empty.js', import.meta.url)),
    },
    nativeModules: ['typescript', PACKAGE],
    jsx: { runtime: 'automatic' },
    // Not the default below the system's temporary folder, which other users can write to.
    fsCache: join(packageRoot(folder), 'node_modules/.cache/jobqueue'),
  });
}

/** The folders from this one to the root of the file system. */
function upwards(from: string): string[] {
  const parent = dirname(from);
  return parent === from ? [from] : [from, ...upwards(parent)];
}
