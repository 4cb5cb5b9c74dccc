/** The simulator over the queue as it is, and over queues that are broken on purpose, each of which it must find. */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { onServer } from '../../../../tests/support/database.ts';
import { prepare, Simulator } from './run.ts';
import { VARIANTS, type Variant } from './variants.ts';

const DATABASE = 'simulation';
const STEPS = 10_000;
const STEPS_OF_A_SHORT_WORLD = 120;
/** Steps within which a broken variant must be found; most take some hundred. */
const STEPS_OF_A_VARIANT = 10_000;

/** One for all tests: its connections have planned the functions that no variant changes. */
let simulator: Simulator;
beforeAll(async () => {
  simulator = await Simulator.open(await prepare(inject('postgresUrl'), DATABASE));
});
afterAll(async () => {
  await simulator.close();
  await onServer(`drop database ${DATABASE} with (force)`);
});

const variantOf = (name: string) => VARIANTS.find((variant) => variant.name === name) as Variant;

test(`nothing that the guarantees exclude happens in ${STEPS} steps`, { timeout: 300_000 }, async () => {
  const { seed, steps, lived } = await simulator.search(1, STEPS);
  expect(
    lived.violation && `seed ${seed}: ${lived.violation.message}\n${lived.trace.slice(-40).join('\n')}`,
  ).toBeNull();
  expect(steps).toBeGreaterThanOrEqual(STEPS);
});

test('a seed lives through the same world every time, and another through another', async () => {
  const first = await simulator.bySeed(7, STEPS_OF_A_SHORT_WORLD);
  const again = await simulator.bySeed(7, STEPS_OF_A_SHORT_WORLD);
  const other = await simulator.bySeed(8, STEPS_OF_A_SHORT_WORLD);
  expect(again.trace).toEqual(first.trace);
  expect(again.hash).toBe(first.hash);
  expect(other.hash).not.toBe(first.hash);
});

test('a world that fails is shrunk to a smaller one that fails too', { timeout: 120_000 }, async () => {
  await simulator.breaking(variantOf('replays with the old fence'), async () => {
    const { lived } = await simulator.search(3, STEPS_OF_A_VARIANT);
    const small = await simulator.shrink(lived, 40);
    const replayed = await simulator.byRecord(small.record, small.steps);
    expect(small.violation).not.toBeNull();
    expect(small.steps).toBeLessThan(lived.steps / 2);
    expect([replayed.hash, replayed.violation?.message]).toEqual([small.hash, small.violation?.message]);
  });
});

describe('a queue that', () => {
  test.each(VARIANTS.map(({ name, seed }) => [name, seed] as const))(
    '%s is found',
    { timeout: 300_000 },
    async (name, seed) => {
      const { lived } = await simulator.breaking(variantOf(name), () => simulator.search(seed, STEPS_OF_A_VARIANT));
      expect(lived.violation).not.toBeNull();
    },
  );
});
