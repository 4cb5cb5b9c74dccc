/** docs/telemetry.md and docs/results.md agree with the code: their code compiles, and their tables name what there is. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { metricsOf } from '../../packages/jobqueue/src/monitoring/metrics.ts';
import { proseOf } from './markdown.ts';
import { type Mirror, mirrorWith } from './mirror.ts';

let mirror: Mirror;
beforeAll(() => {
  mirror = mirrorWith(['docs/telemetry.md', 'docs/results.md', 'docs/testing.md'], {
    // the example queue has no kick of its own
    'lib/queue/index.ts': (code) =>
      code.replace('jobs,', 'jobs, kick: { waitUntil: () => undefined, failed: () => undefined },'),
  });
});
afterAll(() => mirror.remove());

test('the code compiles in strict mode', async () => {
  expect(await mirror.compile()).toBe('');
}, 120_000);

test('the table of metrics names each of them, and no other', () => {
  const nothing = {
    protocol: 1,
    lanes: [],
    lanesLeftOut: 0,
    oldestDueSeconds: 0,
    running: 0,
    openDrains: 0,
    deadLetters: [],
    paused: [],
    drains: [],
    lastTickSeconds: null,
    lastDrainSeconds: null,
    runs: [],
    histograms: [],
  };
  const names = metricsOf(nothing, []).map(({ name }) => name);
  expect(rowsOf('docs/telemetry.md').filter((name) => name.startsWith('jobqueue_'))).toEqual(names);
});

test('the table of events names each of them, and no other', () => {
  const code = ['maintenance/maintenance', 'drain/drain', 'drain/job-log']
    .map((file) => readFileSync(`packages/jobqueue/src/${file}.ts`, 'utf8'))
    .join('\n');
  const events = [...code.matchAll(/log\((?=[^,]*'(?:debug|info|warn|error)')[^,]*,\s*'(\w+)'/g)].map(
    ([, event]) => event,
  );
  expect(
    rowsOf('docs/telemetry.md')
      .filter((name) => /^(drain|job|chore|other|retry)_/.test(name))
      .sort(),
  ).toEqual([...new Set(events)].sort());
});

test('the table of ends names each code that waitFor refuses with', () => {
  const codes = [
    ...readFileSync('packages/jobqueue/src/reads/wait.ts', 'utf8').matchAll(/QueueError\(\s*'(\w+)'/g),
  ].map(([, code]) => code);
  const rows = rowsOf('docs/results.md');
  expect([...new Set(codes)].filter((code) => !rows.includes(code ?? ''))).toEqual([]);
});

/** Code in the first column of the document's tables. */
function rowsOf(document: string): string[] {
  return [...proseOf(document).matchAll(/^\| `([^`]+)` \|/gm)].map(([, name = '']) => name);
}
