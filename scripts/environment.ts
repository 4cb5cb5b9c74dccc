/** Where a script's settings come from: the environment first, then the `.env` files in Next.js' order. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Mode = 'development' | 'production';

export const PROJECT = fileURLToPath(new URL('..', import.meta.url));

/** Git-ignored: the embedded database and this checkout's secrets. `JOBQUEUE_DATA` puts it elsewhere. */
export function dataFolder(): string {
  return process.env.JOBQUEUE_DATA ?? join(PROJECT, '.data');
}

/** What is set already stays: so the first file that names a variable wins, and the real environment wins over all of them. */
export function loadEnvironment(mode: Mode, folder = PROJECT): void {
  for (const name of [`.env.${mode}.local`, '.env.local', `.env.${mode}`, '.env']) {
    const path = join(folder, name);
    if (existsSync(path)) process.loadEnvFile(path);
  }
}
