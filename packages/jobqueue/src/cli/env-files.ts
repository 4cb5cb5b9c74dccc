/** The `.env` files of an app, with the order and the meaning that Next.js gives them. What the environment sets already stays. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

interface NextEnv {
  loadEnvConfig(folder: string, isDevelopment: boolean, log: { info(): void; error(message: string): void }): unknown;
}

/**
 * In an app with Next.js its own reader does it, so that `$` in a value means what it means to the app; elsewhere Node's, in the same order.
 * The mode is development, unless NODE_ENV says production (or test, which leaves `.env.local` out).
 */
export function loadEnvFiles(folder: string): void {
  const { NODE_ENV: mode = 'development' } = process.env;
  const next = nextEnv(folder);
  if (next !== null) {
    next.loadEnvConfig(folder, mode !== 'production', { info: () => {}, error: console.error });
    delete process.env.__NEXT_PROCESSED_ENV; // a Next.js that this process starts would believe that it has read them
    return;
  }
  // The first file that names a variable wins.
  const names = [`.env.${mode}.local`, ...(mode === 'test' ? [] : ['.env.local']), `.env.${mode}`, '.env'];
  for (const path of names.map((name) => join(folder, name))) if (existsSync(path)) process.loadEnvFile(path);
}

/** Next.js' own loader of .env files. If packages are not hoisted, only next itself can resolve it. */
function nextEnv(folder: string): NextEnv | null {
  const next = find('next/package.json', join(folder, 'package.json'));
  const reader = next === null ? null : find('@next/env', next);
  return reader === null ? null : (createRequire(import.meta.url)(reader) as NextEnv);
}

function find(name: string, from: string): string | null {
  try {
    return createRequire(from).resolve(name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return null;
    throw error;
  }
}
