/** Loads a script's settings: the environment first, then the `.env` files in Next.js' order. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Mode = 'development' | 'production';

export const PROJECT = fileURLToPath(new URL('..', import.meta.url));

/** Git-ignored: the embedded database and this checkout's secrets. `JOBQUEUE_DATA` puts it elsewhere. */
export function dataFolder(): string {
  return process.env.JOBQUEUE_DATA ?? join(PROJECT, '.data');
}

/** A variable that is set is kept. So the first file that names it wins, and the real environment wins over every file. */
export function loadEnvironment(mode: Mode, folder = PROJECT): void {
  for (const name of [`.env.${mode}.local`, '.env.local', `.env.${mode}`, '.env']) {
    const path = join(folder, name);
    if (existsSync(path)) process.loadEnvFile(path);
  }
}
