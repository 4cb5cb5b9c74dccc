/** The outcomes of a drain that one exchange takes: no database. */
import { expect, test } from 'vitest';
import type { Execution } from '../src/drain/execution.ts';
import { Outbox } from '../src/drain/outbox.ts';

const completed = { kind: 'completed', result: 'null' } as const;

/** A claimed job that has run, as far as an outbox looks at it. */
function run(id: string, fence: number): Execution {
  const counters = { attempt: 1, maxAttempts: 3, interruptions: 0 };
  return {
    claimed: { id, fence },
    counters,
    definition: {},
    isSuspect: false,
    abortReason: null,
  } as unknown as Execution;
}

test('two outcomes of one job, of which one must be lost, go out in two exchanges', () => {
  const outbox = new Outbox({ report: {} as never, jobLog: null });
  for (const one of [run('1', 1), run('26', 1), run('26', 2), run('2', 1)]) outbox.add(one, completed, false);
  const exchanges = [outbox.take(), outbox.take(), outbox.take()];
  const taken = exchanges.map((ended) => ended.map(({ execution: { claimed } }) => `${claimed.id}@${claimed.fence}`));
  expect(taken).toEqual([['1@1', '26@1'], ['26@2', '2@1'], []]);
});
