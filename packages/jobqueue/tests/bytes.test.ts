/** Large jobs: no claim, no exchange and no enqueue carries more than its way can take. */
import { beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { describeEachDriver } from '../../../tests/support/drivers.ts';
import { takeTurns } from '../../../tests/support/take-turns.ts';
import { createQueue, defineJob, LIMITS } from '../src/index.ts';
import { emptyTables, queueOf, rows, statuses, works } from './support.ts';

takeTurns();

const PAYLOAD = { blob: '' };
/** Text that does not compress to nothing; 256 KiB as JSON. */
const BLOB = Array.from({ length: LIMITS.payloadBytes - JSON.stringify(PAYLOAD).length }, (_, n) =>
  String.fromCharCode(97 + ((n * n) % 23)),
).join('');
/** Jobs that drains hold. */
const HELD =
  'from jobqueue.leases l join jobqueue.batches b on b.id = l.batch cross join lateral jobqueue.jobs_of_batch_1(b, l.open) j';
/** As many of those as one call takes. */
const A_CALL = Math.floor(LIMITS.batchBytes / (LIMITS.payloadBytes + 200));

describeEachDriver('bytes', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  /** Many times what one claim or exchange may carry, also over Neon's drivers, whose stand-in computes in this process. */
  const many = setup.driver === 'postgres' ? 500 : 150;

  /** A queue of one large type; `claims` collects what each claim held when a job started. */
  function largeQueue() {
    const claims: { jobs: number; bytes: number }[] = [];
    let watched = 0;
    const large = defineJob({
      type: 'large',
      payload: z.object({ blob: z.string() }),
      handler: async () => ({
        run: async ({ payload }) => {
          if (payload.blob.length !== BLOB.length) throw new Error('the payload arrived cut');
          if (watched++ % 20 > 0) return;
          const held = await rows<{ jobs: number; bytes: number }>(
            setup.database,
            `select count(*)::int as jobs, sum(octet_length(j.payload::text))::float8 as bytes ${HELD} group by l.claim`,
          );
          claims.push(...held);
        },
      }),
    });
    return { queue: createQueue({ database: setup.database, jobs: [large] }), claims };
  }

  const addLarge = async (count: number) => {
    const { queue } = largeQueue();
    const entries = Array.from({ length: A_CALL }, () => ({ type: 'large' as const, payload: { blob: BLOB } }));
    for (let left = count; left > 0; left -= A_CALL) await queue.addJobs(entries.slice(0, left));
  };

  test(`${many} jobs of 256 KiB go through, in claims of at most 4 MiB`, { timeout: 120_000 }, async () => {
    await addLarge(many);
    const { queue, claims } = largeQueue();
    const report = await queue.drain({ budgetMs: 100_000, concurrency: 1_000 });
    expect(report).toMatchObject({ completed: many, lost: 0, retried: 0, givenBack: 0, stopReason: 'empty' });
    expect(claims.length).toBeGreaterThan(5);
    expect(Math.max(...claims.map(({ bytes }) => bytes))).toBeLessThanOrEqual(LIMITS.exchangeBytes);
    expect(Math.max(...claims.map(({ jobs }) => jobs))).toBeGreaterThan(10); // and not one by one either
  });

  test('what three drains had no time for is claimed in no larger portions', async () => {
    await addLarge(62);
    await rows(setup.database, 'update jobqueue.jobs set passes = 3');
    const { queue, claims } = largeQueue();
    expect(await queue.drain({ budgetMs: 20_000, concurrency: 1_000 })).toMatchObject({ completed: 62 });
    expect(claims).not.toEqual([]);
    expect(Math.max(...claims.map(({ bytes }) => bytes))).toBeLessThanOrEqual(LIMITS.exchangeBytes);
  });

  test('state counts like payload', async () => {
    const { queue, seen } = queueOf(setup.database);
    await queue.addJobs(works(200));
    await rows(setup.database, `update jobqueue.jobs set state = to_jsonb(repeat('x', 60000)), state_bytes = 60002`);
    const claims: number[] = [];
    seen.onStart = async () => {
      if (claims.length > 3) return;
      const held = await rows<{ bytes: number }>(
        setup.database,
        `select sum(octet_length(j.payload::text) + octet_length(j.state::text))::float8 as bytes ${HELD} group by l.claim`,
      );
      claims.push(...held.map(({ bytes }) => bytes));
    };
    expect(await queue.drain({ budgetMs: 20_000, concurrency: 1_000 })).toMatchObject({ completed: 200 });
    expect(claims).not.toEqual([]);
    expect(Math.max(...claims)).toBeLessThanOrEqual(LIMITS.exchangeBytes);
  });

  test(`${many} results of 64 KiB are settled in exchanges that each can be carried`, { timeout: 60_000 }, async () => {
    const { queue, seen } = queueOf(setup.database);
    const result = 'é'.repeat((LIMITS.resultBytes - 2) / 2);
    for (let n = 0; n < many; n++) seen.results.set(n, result);
    const added = await queue.addJobs(works(many, { mode: 'return' }));
    const report = await queue.drain({ budgetMs: 50_000, concurrency: 500 });
    expect(report).toMatchObject({ completed: many, lost: 0 });
    expect(await queue.getJob(added[many - 1]?.id ?? '')).toMatchObject({ result });
  });

  test('more than 8 MiB in one call are refused, and nothing is written', async () => {
    const { queue } = largeQueue();
    const entries = Array.from({ length: 33 }, () => ({ type: 'large' as const, payload: { blob: BLOB } }));
    await expect(queue.addJobs(entries)).rejects.toMatchObject({
      code: 'batch_too_large',
      message: expect.stringContaining('8388608 bytes'),
    });
    expect(await statuses(setup.database)).toEqual({});
  });
});
