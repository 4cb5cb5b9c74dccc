/** Compiles programs that are started by the dozen: through tsx each start takes a second and a half of processor time. */
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { PROJECT } from './environment.ts';

/** Defines `require`, which esbuild leaves in the output and which a module does not have. */
const REQUIRE = "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);";

/** Writes `NAME.mjs` into the folder for each `{ NAME: source file }`, and the package.json that gives them their version. */
export async function compile(programs: Readonly<Record<string, string>>, folder: string): Promise<void> {
  await build({
    entryPoints: Object.entries(programs).map(([out, source]) => ({ in: source, out })),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true, // what a program loads when it needs it costs its start nothing
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: ['pg-native'], // optional, and not installed
    banner: { js: REQUIRE },
    logLevel: 'warning',
  });
  await copyFile(join(PROJECT, 'packages/jobqueue/package.json'), join(folder, 'package.json'));
}
