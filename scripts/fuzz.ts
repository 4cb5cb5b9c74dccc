/** `npm run fuzz -- --cases N --seed S`: sends N odd requests to every way into the app, and takes some 9 hostile files for each thousand of them the whole way. The same seed sends the same requests in the same order. */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';

/** Of each process of vitest. */
const MOST_HEAP_MIB = 512;

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    only: { type: 'string' },
  },
});
for (const name of ['cases', 'seed'] as const)
  if (!/^\d{1,10}$/.test(values[name])) throw new Error(`--${name}: expected a whole number, got '${values[name]}'`);

console.log(`fuzz: ${values.cases} cases, seed ${values.seed}`);
// The package exports its manifest, but not its program.
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const args = [
  vitest,
  'run',
  'tests/edges/fuzz.test.ts',
  'tests/lead-import/hostile.test.ts',
  '--testTimeout=0',
  ...(values.only ? ['--testNamePattern', values.only] : []),
];
// What is kept fits; without a limit the engine lets garbage grow to more than a GiB before it collects, which hides what leaks.
const NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --max-old-space-size=${MOST_HEAP_MIB}`.trim();
const env = { ...process.env, NODE_OPTIONS, FUZZ_CASES: values.cases, FUZZ_SEED: values.seed, FUZZ_PROGRESS: '1' };
const run = spawn(process.execPath, args, { stdio: 'inherit', env });
run.once('exit', (code) => {
  if (code !== 0)
    console.error(`fuzz: failed; the same again: npm run fuzz -- --cases ${values.cases} --seed ${values.seed}`);
  process.exitCode = code ?? 1;
});
