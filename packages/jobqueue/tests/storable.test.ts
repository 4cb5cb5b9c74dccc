/** Whatever a handler hands back is stored as closely as Postgres can, and never harms the outcomes beside it. */
import { beforeEach, describe, expect, test } from 'vitest';
import { type DriverUnderTest, describeEachDriver } from '../../../tests/support/drivers.ts';
import fc, { anyCharacter } from '../../../tests/support/property.ts';
import {
  bytesOf,
  isStorableInstant,
  isStorableText,
  storableError,
  storableJson,
  storableText,
} from '../src/core/serialize.ts';
import { LIMITS } from '../src/index.ts';
import { emptyTables, queueOf, rows, statuses, type Witness, works } from './support.ts';

const NUL = '\0';
const LONE = '\ud83d';
/** The result of `JSON.parse` for 1e999. */
const INFINITE = Number('1e999');

function cycle(): object {
  const ring: Record<string, unknown> = { name: 'ring' };
  ring.self = ring;
  return ring;
}

function revokedProxy(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function nested(levels: number): unknown {
  let value: unknown = 0;
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}

describe('storable values', () => {
  test.each([
    ['undefined', undefined, null],
    ['a function', () => 1, null],
    ['bigint', { n: 2n ** 70n }, { n: '1180591620717411303424' }],
    ['a cycle', cycle(), { name: 'ring', self: '[Circular]' }],
    ['1e999', [INFINITE, Number.NaN], [null, null]],
    ['NUL in a value and in a key', { [`a${NUL}`]: `b${NUL}c` }, { 'a\ufffd': 'b\ufffdc' }],
    ['a lone surrogate', `${LONE}x`, '\ufffdx'],
    ['a surrogate pair', '🙂', '🙂'],
    ['text that only looks like an escape', '\\u0000 \\ud800', '\\u0000 \\ud800'],
    ['the same object twice', ((o) => [o, o])({ a: 1n }), [{ a: '1' }, { a: '1' }]],
  ])('%s', (_name, value, stored) => {
    expect(JSON.parse(storableJson(value))).toEqual(stored);
  });

  test('any JSON is stored unchanged, but for NUL and lone surrogates', () => {
    const clean = (text: string) => text.toWellFormed().replaceAll(NUL, '\ufffd');
    fc.assert(
      fc.property(fc.string({ unit: anyCharacter }), (text) => {
        expect(JSON.parse(storableJson([text]))).toEqual([clean(text)]);
      }),
    );
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(storableJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('text is cut at code points and never exceeds its bound', () => {
    fc.assert(
      fc.property(fc.string({ unit: anyCharacter, maxLength: 60 }), fc.integer({ min: 4, max: 60 }), (text, bound) => {
        const cut = storableText(text, bound);
        expect(bytesOf(cut)).toBeLessThanOrEqual(bound);
        expect(cut.isWellFormed()).toBe(true);
        expect(cut).not.toContain(NUL);
        expect(text.toWellFormed().replaceAll(NUL, '\ufffd')).toContain(cut.replace(/…$/, ''));
      }),
    );
  });

  test('an error keeps its name, message, code and causes within 8 KiB', () => {
    const error = Object.assign(new Error('🙂'.repeat(5_000), { cause: new Error(`${LONE}${NUL}`) }), {
      code: 'E_BIG',
    });
    const stored = storableError(error, 2);
    expect(stored).toMatchObject({ name: 'Error', code: 'E_BIG', attempt: 2 });
    expect(stored.message).toMatch(/^(?:🙂)+…$/u);
    expect(bytesOf(JSON.stringify(stored))).toBeLessThanOrEqual(LIMITS.errorBytes);
  });
});

/** Values that a careless handler may return, and what can be read back. */
const ODD_RESULTS: readonly (readonly [unknown, unknown])[] = [
  [`a${NUL}b`, 'a\ufffdb'],
  [{ [NUL]: LONE }, { '\ufffd': '\ufffd' }],
  [10n, '10'],
  [cycle(), { name: 'ring', self: '[Circular]' }],
  [INFINITE, null],
  [1.7976931348623157e308, 1.7976931348623157e308],
  [5e-324, 5e-324],
  [nested(500), nested(500)],
];

/** Odd values that a handler may throw. */
const ODD_ERRORS: readonly unknown[] = [
  undefined,
  null,
  `text with ${NUL} and ${LONE}`,
  7n,
  Symbol('odd'),
  cycle(),
  Object.assign(new Error('ok'), { message: { not: 'text' }, name: 7 }),
  Object.assign(new Error(`NUL ${NUL}`), { code: LONE, stack: 'x'.repeat(100_000) }),
  Object.defineProperty(new Error('trap'), 'response', {
    get: () => {
      throw new Error('a getter that throws');
    },
  }),
  Object.defineProperty(new Error('trap'), 'message', {
    get: () => {
      throw new Error('a getter that throws');
    },
  }),
  Object.assign(Object.create(null), { a: 1 }),
  {
    toJSON() {
      throw new Error('toJSON that throws');
    },
  },
  revokedProxy(),
];

async function drainBatch(setup: DriverUnderTest, seen: Witness, mode: 'return' | 'throw', values: readonly unknown[]) {
  const { queue } = queueOf(setup.database, seen);
  values.forEach((value, n) => void seen.results.set(n, value));
  const added = await queue.addJobs([
    ...works(values.length, { mode }, { maxAttempts: 1 }),
    ...works(20), // the neighbours in its exchange
  ]);
  const report = await queue.drain({ budgetMs: 10_000, concurrency: 100 });
  const jobs = await Promise.all(added.slice(0, values.length).map(({ id }) => queue.getJob(id)));
  return { report, jobs };
}

describeEachDriver('storable outcomes', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  test.each([
    ['0000-12-31T23:59:59.999Z', false],
    ['0001-01-01T00:00:00.000Z', true],
    ['9999-12-31T23:59:59.999Z', true],
    ['+010000-01-01T00:00:00.000Z', false],
    ['-000001-01-01T00:00:00.000Z', false],
  ])('the instant %s is storable: %s, as Postgres reads it', async (text, storable) => {
    expect(isStorableInstant(new Date(text))).toBe(storable);
    const read = setup.database.execute({ text: 'select $1::timestamptz', params: [new Date(text).toISOString()] });
    expect(
      await read.then(
        () => true,
        () => false,
      ),
    ).toBe(storable);
  });

  test.each(['', 'a\u{1f600}', 'a\0', '\ud83d', '\udc00a'])(
    'the text %j is storable if jsonb takes it',
    async (text) => {
      const read = setup.database.execute({ text: 'select $1::jsonb', params: [JSON.stringify([text])] });
      expect(
        await read.then(
          () => true,
          () => false,
        ),
      ).toBe(isStorableText(text));
    },
  );

  test('odd results are stored as closely as can be, in one exchange with their neighbours', async () => {
    const { seen } = queueOf(setup.database);
    const values = ODD_RESULTS.map(([value]) => value);
    const { report, jobs } = await drainBatch(setup, seen, 'return', values);
    expect(report).toMatchObject({ completed: values.length + 20, lost: 0, retried: 0, deadLettered: 0 });
    expect(jobs.map((job) => job?.result)).toEqual(ODD_RESULTS.map(([, stored]) => stored));
  });

  test('a result that cannot be read or stored fails its own job only', async () => {
    const { seen } = queueOf(setup.database);
    const traps = [
      {
        toJSON() {
          throw new Error('toJSON that throws');
        },
      },
      nested(10_000), // deeper than Postgres' stack, or V8's
      'x'.repeat(LIMITS.resultBytes), // with its quotes two bytes too long
    ];
    const { report, jobs } = await drainBatch(setup, seen, 'return', traps);
    expect(report).toMatchObject({ completed: 20, deadLettered: 3, lost: 0, stopReason: 'empty' });
    expect(jobs.map((job) => job?.status)).toEqual(['DEAD_LETTER', 'DEAD_LETTER', 'DEAD_LETTER']);
    expect(jobs[0]?.errors).toMatchObject([{ message: 'toJSON that throws', attempt: 1 }]);
    expect(jobs[2]?.errors).toMatchObject([{ code: 'result_too_large' }]);
  });

  test('a result of exactly 64 KiB is stored', async () => {
    const { queue, seen } = queueOf(setup.database);
    const result = '🙂'.repeat((LIMITS.resultBytes - 4) / 4); // the quotes leave room for 16,383 of them
    seen.results.set(0, result);
    const added = await queue.addJob('work', { mode: 'return', n: 0 });
    await queue.drain({ budgetMs: 5_000 });
    expect(await queue.getJob(added?.id ?? '')).toMatchObject({ status: 'COMPLETED', result });
  });

  test('whatever is thrown becomes a bounded error of its job, and the drain goes on', async () => {
    const { seen } = queueOf(setup.database);
    const { report, jobs } = await drainBatch(setup, seen, 'throw', ODD_ERRORS);
    expect(report).toMatchObject({ completed: 20, deadLettered: ODD_ERRORS.length, lost: 0, stopReason: 'empty' });
    for (const job of jobs) {
      expect(job?.errors).toHaveLength(1);
      expect(job?.errors[0]).toMatchObject({ name: expect.any(String), message: expect.any(String), attempt: 1 });
      expect(bytesOf(JSON.stringify(job?.errors[0]))).toBeLessThanOrEqual(LIMITS.errorBytes + 200);
    }
  });

  test('an outcome that Postgres refuses is found by halving and becomes a failed attempt of that job alone', async () => {
    await rows(
      setup.database,
      `alter table jobqueue.settlements add constraint no_thirteen check (not results @> '13')`,
    );
    try {
      const { queue, seen } = queueOf(setup.database);
      for (let n = 0; n < 40; n++) seen.results.set(n, n);
      const added = await queue.addJobs(works(40, { mode: 'return' }, { maxAttempts: 2 }));
      const report = await queue.drain({ budgetMs: 10_000, concurrency: 40, limit: 40 });
      expect(report).toMatchObject({ claimed: 40, completed: 39, retried: 1, lost: 0, stopReason: 'limit' });
      expect(report.steps).toBeLessThan(20);
      const refused = await queue.getJob(added[13]?.id ?? '');
      expect(refused).toMatchObject({
        status: 'PENDING',
        attempts: 1,
        errors: [{ code: 'outcome_refused', attempt: 1 }],
      });
      expect(JSON.stringify(refused?.errors)).not.toContain('no_thirteen'); // Postgres' detail would carry the row
    } finally {
      await rows(setup.database, 'alter table jobqueue.settlements drop constraint no_thirteen');
    }
  });

  test('a checkpoint that Postgres refuses is refused to its handler, and does not set the attempts back', async () => {
    await rows(
      setup.database,
      `alter table jobqueue.notes add constraint no_thirteen check (state is distinct from '{"done": 13}'::jsonb)`,
    );
    try {
      const { queue, seen } = queueOf(setup.database);
      seen.onStart = async ({ checkpoint, payload }) => {
        if (payload.n === 13) await checkpoint({ done: 13 });
        if (payload.n === 12) await checkpoint({ done: 12 });
      };
      const added = await queue.addJobs(works(20, { mode: 'noop' }, { maxAttempts: 1 }));
      const report = await queue.drain({ budgetMs: 10_000, concurrency: 20 });
      expect(report).toMatchObject({ completed: 19, deadLettered: 1, lost: 0, stopReason: 'empty' });
      expect(await queue.getJob(added[13]?.id ?? '')).toMatchObject({
        status: 'DEAD_LETTER',
        attempts: 1,
        state: null,
      });
      expect(await queue.getJob(added[12]?.id ?? '')).toMatchObject({ status: 'COMPLETED', state: { done: 12 } });
    } finally {
      await rows(setup.database, 'alter table jobqueue.notes drop constraint no_thirteen');
    }
  });

  test('progress that Postgres refuses is dropped; the job and its neighbours go on', async () => {
    await rows(
      setup.database,
      `alter table jobqueue.notes add constraint no_thirteen check (progress is distinct from '{"done": 13}'::jsonb)`,
    );
    try {
      const { queue, seen } = queueOf(setup.database);
      seen.onStart = async ({ checkpoint, progress, payload }) => {
        progress({ done: payload.n ?? 0 });
        await checkpoint({ at: payload.n }); // sends the progress along
      };
      const added = await queue.addJobs(works(20, { mode: 'noop' }, { maxAttempts: 1 }));
      const report = await queue.drain({ budgetMs: 10_000, concurrency: 20 });
      expect(report).toMatchObject({ completed: 19, deadLettered: 1, lost: 0 });
      expect(await queue.getJob(added[13]?.id ?? '')).toMatchObject({ progress: null });
      expect(await queue.getJob(added[7]?.id ?? '')).toMatchObject({ progress: { done: 7 }, state: { at: 7 } });
      expect(await statuses(setup.database)).toEqual({ COMPLETED: 19, DEAD_LETTER: 1 });
    } finally {
      await rows(setup.database, 'alter table jobqueue.notes drop constraint no_thirteen');
    }
  });
});
