/** Programs that tests start by the dozen, compiled once a run: with tsx each start would take a second and a half of processor time. */
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { inject } from 'vitest';

const PROGRAMS = {
  drainer: '../queue/programs/drainer.ts',
  operator: '../queue/programs/operator.ts',
  dropper: '../queue/programs/dropper.ts',
  limitedSender: '../queue/programs/sender.ts',
  campaignSender: '../campaigns/programs/sender.ts',
  campaignLedger: '../campaigns/programs/ledger.ts',
  // A folder below what it takes for the project's root, where it looks for its version.
  'cli/jobqueue': '../../cli/jobqueue.ts',
} as const;

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

/** What esbuild leaves to `require`, which a module does not have. */
const REQUIRE = "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);";

const fileIn = (folder: string, name: string) => join(folder, `${name}.mjs`);

/** Of the run's setup, before any test. */
export async function compilePrograms(folder: string): Promise<void> {
  await build({
    entryPoints: Object.entries(PROGRAMS).map(([out, path]) => ({
      in: fileURLToPath(new URL(path, import.meta.url)),
      out,
    })),
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
  await copyFile(join(PROJECT, 'package.json'), join(folder, 'package.json'));
}

/** What to give to `node`. */
export function programFile(name: keyof typeof PROGRAMS): string {
  return fileIn(inject('runFolder'), name);
}
