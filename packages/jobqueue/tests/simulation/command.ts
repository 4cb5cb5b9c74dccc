/**
 * `npm run simulate -- --steps N --seed S`: worlds from one seed on, until so many steps were taken or one fails, which is then shrunk.
 * `--variant NAME` runs a queue that is broken on purpose, `--variant all` each of them in turn.
 */
import { parseArgs } from 'node:util';
import { startTestServer } from '../../../../tests/support/server.ts';
import { prepare, Simulator } from './run.ts';
import { VARIANTS } from './variants.ts';

/** Worlds that a shrinking may try: some minutes. */
const SHRINKING = 300;

/** Events that are faults, as the trace calls them. */
const FAULTS = ['answer lost', 'lost', 'no answer yet', 'slow answer', 'rolled back', 'killed', 'stops', 'holds'];

const { values } = parseArgs({
  options: {
    steps: { type: 'string' },
    seed: { type: 'string' },
    variant: { type: 'string' },
    trace: { type: 'boolean' },
  },
});

const steps = wholeNumber('steps', values.steps, 10_000);
const seed = wholeNumber('seed', values.seed, 1);
const chosen = VARIANTS.filter(({ name }) => values.variant === 'all' || name === values.variant);
if (values.variant !== undefined && chosen.length === 0)
  throw new Error(
    `expected 'all' or one of '${VARIANTS.map(({ name }) => name).join("', '")}'; got '${values.variant}'`,
  );

// Before the drains' own handlers: they would stop working for good, and the model would call that a fault.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(1));

const server = await startTestServer(process.env.TEST_POSTGRES_BIN);
try {
  const url = await prepare(server.url, 'simulation');
  if (chosen.length === 0) await simulate(url);
  for (const variant of chosen) {
    const simulator = await Simulator.open(url);
    const { seed: at, steps: taken, lived } = await simulator.breaking(variant, () => simulator.search(seed, steps));
    console.log(
      `${variant.name}: ${lived.violation ? `found in ${taken} steps, seed ${at}: ${lived.violation.message}` : `not found in ${taken} steps`}`,
    );
    if (!lived.violation) process.exitCode = 1;
    await simulator.close();
  }
} finally {
  await server.stop();
}

async function simulate(url: string): Promise<void> {
  const simulator = await Simulator.open(url);
  let taken = 0;
  const events = new Map<string, number>();
  const beganMs = Date.now();
  const found = await simulator.search(seed, steps, (n, lived) => {
    taken += lived.steps;
    for (const [what, times] of lived.events) events.set(what, (events.get(what) ?? 0) + times);
    if (values.trace) console.log(lived.trace.join('\n'));
    const perStep = ((Date.now() - beganMs) / taken).toFixed(1);
    console.log(`seed ${n}: ${lived.steps} steps, trace ${lived.hash}; ${taken} in all, ${perStep} ms a step`);
  });
  const faults = FAULTS.map((what) => [what, events.get(what) ?? 0] as const);
  const seconds = Math.round((Date.now() - beganMs) / 1_000);
  console.log(
    `${taken} steps from seed ${seed} to ${found.seed} in ${seconds} s, ${faults.reduce((sum, [, n]) => sum + n, 0)} faults: ${faults.map(([what, n]) => `${what} ${n}`).join(', ')}`,
  );
  if (found.lived.violation) {
    process.exitCode = 1;
    const { violation, hash } = found.lived;
    console.log(
      `seed ${found.seed} fails with trace ${hash}: ${violation.message}\nlooking for a smaller world that fails …`,
    );
    const small = await simulator.shrink(found.lived, SHRINKING);
    console.log(`${small.trace.join('\n')}\n\n${small.steps} steps are enough: ${small.violation?.message}`);
    console.log(`again: npm run simulate -- --seed ${found.seed} --steps 1`);
  }
  await simulator.close();
}

function wholeNumber(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new Error(`expected --${name} to be a whole number from 1, got '${text}'`);
  return number;
}
