/** A driver that is quietly skipped must not pass for a tested one. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { missingTests } from '../../../../tests/support/driver-parity.ts';

const ran = (suite: string, counts: Record<string, number>) =>
  Object.entries(counts).flatMap(([driver, count]) => Array(count).fill({ suite, driver }));

test.each([
  ['equal counts', ran('a', { postgres: 2, 'neon-http': 2, 'neon-websocket': 2 }), []],
  [
    'a driver with one fewer',
    ran('a', { postgres: 2, 'neon-http': 1, 'neon-websocket': 2 }),
    ['a: neon-http ran 1 tests, postgres ran 2'],
  ],
  [
    'a driver that never ran',
    ran('a', { postgres: 1, 'neon-http': 1 }),
    ['a: neon-websocket ran 0 tests, postgres ran 1'],
  ],
  [
    'one suite does not make up for another',
    [
      ...ran('a', { postgres: 1, 'neon-http': 2, 'neon-websocket': 1 }),
      ...ran('b', { postgres: 1, 'neon-http': 0, 'neon-websocket': 1 }),
    ],
    ['b: neon-http ran 0 tests, postgres ran 1'],
  ],
  ['no driver suites at all', [], []],
])('%s', (_name, tests, complaints) => {
  expect(missingTests(tests)).toEqual(complaints);
});

async function runUneven(env: Record<string, string>, ...args: string[]): Promise<{ code: number; output: string }> {
  const root = fileURLToPath(new URL('../../../..', import.meta.url));
  const inner = spawn(
    process.execPath,
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--config',
      'packages/jobqueue/tests/drivers/parity/vitest.config.ts',
      '--root',
      '.',
      ...args,
    ],
    { cwd: root, env: { ...process.env, ...env } },
  );
  let output = '';
  for (const stream of [inner.stdout, inner.stderr]) stream.on('data', (text) => (output += text));
  const [code] = await once(inner, 'close');
  return { code, output };
}

test('a run in which one driver skipped a test fails and names it', async () => {
  const { code, output } = await runUneven({ EVEN: '0' });
  expect(output).toMatch(/DRIVER PARITY .*uneven: neon-http ran 1 tests, postgres ran 2/);
  expect(code).toBe(1);
});

test('the same run passes when no driver skips', async () => {
  expect(await runUneven({ EVEN: '1' })).toMatchObject({ code: 0 });
});

test('a run that is filtered by name is not judged', async () => {
  expect(await runUneven({ EVEN: '0' }, '-t', 'postgres')).toMatchObject({ code: 0 });
});
