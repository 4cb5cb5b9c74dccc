/** Programs that tests start by the dozen, compiled once a run. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';
import { compile } from '../../scripts/compile.ts';

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

/** Of the run's setup, before any test. */
export async function compilePrograms(folder: string): Promise<void> {
  const sources = Object.entries(PROGRAMS).map(([name, path]) => [name, fileURLToPath(new URL(path, import.meta.url))]);
  await compile(Object.fromEntries(sources), folder);
}

/** What to give to `node`. */
export function programFile(name: keyof typeof PROGRAMS): string {
  return join(inject('runFolder'), `${name}.mjs`);
}
