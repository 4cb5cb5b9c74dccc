/** Compiles the program of drain processes: it imports the package as an app does, by its exports and so from its build. */
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const PROJECT = fileURLToPath(new URL('../../../..', import.meta.url));

/** Writes the program into the folder, and answers its file. */
export async function compileWorker(folder: string): Promise<string> {
  symlinkSync(join(PROJECT, 'node_modules'), join(folder, 'node_modules'));
  const outfile = join(folder, 'worker.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('./worker.ts', import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: ['@conversure/*'],
    packages: 'external',
    logLevel: 'warning',
  });
  return outfile;
}
