/** Programs that tests start by the dozen, compiled once a run. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';
import { compile } from '../../scripts/compile.ts';

const PROGRAMS = {
  drainer: '../../packages/jobqueue/tests/programs/drainer.ts',
  operator: '../../packages/jobqueue/tests/programs/operator.ts',
  dropper: '../../packages/jobqueue/tests/programs/dropper.ts',
  limitedSender: '../../packages/jobqueue/tests/programs/sender.ts',
  commandHost: '../../packages/jobqueue/tests/cli/host.ts',
  campaignSender: '../campaigns/programs/sender.ts',
  campaignLedger: '../campaigns/programs/ledger.ts',
} as const;

/** Called by the run's setup, before any test. */
export async function compilePrograms(folder: string): Promise<void> {
  const sources = Object.entries(PROGRAMS).map(([name, path]) => [name, fileURLToPath(new URL(path, import.meta.url))]);
  await compile(Object.fromEntries(sources), folder);
}

/** The file to run with `node`. */
export function programFile(name: keyof typeof PROGRAMS): string {
  return join(inject('runFolder'), `${name}.mjs`);
}
