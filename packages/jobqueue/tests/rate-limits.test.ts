/** Rate limits that all invocations share: from handlers, per type, per key; waiting, going away, coming back. */
import pg from 'pg';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { emptied } from '../../../tests/support/empty.ts';
import { continueWith, NonRetryableError, QueueError } from '../src/index.ts';
import type { Database, Statement } from '../src/postgres/connect.ts';
import { returnTokens, type TakeRequest, takeTokens } from '../src/postgres/statements/buckets.ts';
import { excess, forgetLimits, limitedQueue, type SendContext, sends, uses } from './limited.ts';
import { emptyTables, endLeases, makeDue, rows } from './support.ts';

const SLOW = { perSecond: 0.01, burst: 1 };

/** The same database, and every statement that went to it. */
function counted(database: Database): { database: Database; sent: Statement[] } {
  const sent: Statement[] = [];
  return {
    sent,
    database: {
      ...database,
      execute: (statement, options) => {
        sent.push(statement);
        return database.execute(statement, options);
      },
    },
  };
}

const naming = (sent: readonly Statement[], name: string) => sent.filter(({ text }) => text.includes(name)).length;

function take(database: Database, request: Partial<TakeRequest> & { key: string }) {
  const whole = { perSecond: 1, burst: 10, want: 1, spare: 0, waiting: 1, returning: 0, patienceMs: 0, holdMs: 0 };
  return takeTokens(database, [{ ...whole, ...request }], 10_000).then(([answer]) => {
    if (!answer) throw new Error('expected an answer for each request');
    return answer;
  });
}

const liveJobs = (database: Database) =>
  rows<{ attempt: number; fence: number; passes: number; interruptions: number; rescues: number; due_in_ms: number }>(
    database,
    `select attempt, fence, passes, interruptions, rescues, (extract(epoch from due_at - now()) * 1000)::float8 as due_in_ms
     from jobqueue.jobs where lease_until is null order by due_at, id`,
  );

describeOnOneDriver('rate limits', (setup) => {
  beforeEach(async () => {
    await emptyTables(setup.database);
    await forgetLimits(setup.database);
  });
  afterEach(() => {
    setup.faults.latencyMs = 0;
  });

  test('a bucket gives its burst at once, then nothing, and says when the next token is there', async () => {
    const { database } = setup;
    expect(await take(database, { key: 'b', want: 7, waiting: 7 })).toMatchObject({ taken: 7, postponed: 0 });
    expect(await take(database, { key: 'b', want: 7, waiting: 7, patienceMs: 60_000 })).toMatchObject({ taken: 3 });
    const empty = await take(database, { key: 'b', patienceMs: 2_000 });
    expect(empty).toMatchObject({ taken: 0, postponed: 0, blockedForMs: 0 });
    expect(empty.retryInMs).toBeGreaterThan(0);
    expect(empty.retryInMs).toBeLessThanOrEqual(1_000);
  });

  test('time fills the bucket up to its burst, and not beyond', async () => {
    const { database } = setup;
    await take(database, { key: 'b', want: 10, waiting: 10 });
    await rows(database, "update jobqueue.buckets set refilled_at = refilled_at - interval '4.5 s'");
    expect(await take(database, { key: 'b', want: 10, waiting: 10 })).toMatchObject({ taken: 4 });
    await rows(
      database,
      "update jobqueue.buckets set refilled_at = refilled_at - interval '1 day', promised_until = null",
    );
    expect(await take(database, { key: 'b', want: 20, waiting: 20 })).toMatchObject({ taken: 10 });
  });

  test('what may be held for a while is kept back, so that a token used late and new ones never make more than the burst', async () => {
    const { database } = setup;
    const limit = { key: 'b', perSecond: 10, burst: 10, holdMs: 500 };
    expect(await take(database, { ...limit, want: 4, waiting: 4 })).toMatchObject({ taken: 4 });
    const [bucket] = await rows<{ tokens: number }>(database, 'select tokens from jobqueue.buckets');
    expect(bucket?.tokens).toBeCloseTo(10 - 10 * 0.5 - 4);
  });

  test('a clock that went back refills nothing and takes nothing away', async () => {
    const { database } = setup;
    await take(database, { key: 'b', want: 4, waiting: 4 });
    await rows(database, "update jobqueue.buckets set refilled_at = refilled_at + interval '1 hour'");
    expect(await take(database, { key: 'b', want: 10, waiting: 10 })).toMatchObject({ taken: 6 });
    const future = "select from jobqueue.buckets where refilled_at > now() + interval '59 minutes'";
    expect(await rows(database, future)).toHaveLength(1);
  });

  test('two that waited for the lock share what is there: neither refills what the other has refilled', async () => {
    const { database } = setup;
    await take(database, { key: 'b', want: 10, waiting: 10 });
    const others = [setup.connect(), setup.connect()];
    const holder = new pg.Client(setup.directUrl);
    await holder.connect();
    await holder.query("begin; select from jobqueue.buckets where key = 'b' for update");
    const asked = others.map((other) => take(other, { key: 'b', perSecond: 100, burst: 1_000, want: 1_000 }));
    const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    await vi.waitFor(async () => expect(await rows(database, waiting)).toHaveLength(2), {
      timeout: 15_000,
      interval: 10,
    });
    const released = performance.now();
    await holder.query("update jobqueue.buckets set tokens = 0, refilled_at = clock_timestamp() - interval '1 s'");
    await holder.query('commit');
    await holder.end();
    const taken = (await Promise.all(asked)).reduce((sum, answer) => sum + answer.taken, 0);
    const sinceMs = performance.now() - released;
    expect(taken).toBeGreaterThanOrEqual(100);
    expect(taken).toBeLessThanOrEqual(100 + Math.ceil(sinceMs / 10));
  });

  test('many buckets in opposite orders never deadlock', { timeout: 60_000 }, async () => {
    const { database } = setup;
    const keys = Array.from({ length: 40 }, (_, n) => `k${n}`);
    const request = (key: string) => ({
      key,
      perSecond: 1,
      burst: 10_000,
      want: 1,
      spare: 0,
      waiting: 1,
      returning: 0,
      patienceMs: 0,
      holdMs: 0,
    });
    const takers = [database, setup.connect(), setup.connect(), setup.connect()];
    await Promise.all(
      takers.map(async (taker, n) => {
        const mine = n % 2 === 0 ? keys : keys.toReversed();
        for (let round = 0; round < 15; round++) {
          const answers = await takeTokens(taker, mine.map(request), 10_000);
          const back = answers.map(({ key, taken, takenAt }) => ({ key, tokens: taken, takenAt }));
          await returnTokens(taker, back.toReversed(), 10_000);
        }
      }),
    );
    expect(await rows(database, 'select from jobqueue.buckets where tokens < 10000 - 61')).toEqual([]);
  });

  test('unused tokens come back, less what the clock may have given instead of them', async () => {
    const { database } = setup;
    const { takenAt } = await take(database, { key: 'b', perSecond: 1, burst: 50, want: 12, waiting: 12 });
    await returnTokens(database, [{ key: 'b', tokens: 12, takenAt }], 10_000);
    const [bucket] = await rows<{ tokens: number }>(database, 'select tokens from jobqueue.buckets');
    expect(bucket?.tokens).toBeCloseTo(50 - 12 + 11, 0);
    await returnTokens(database, [{ key: 'b', tokens: 1_000, takenAt }], 10_000);
    expect(await rows(database, 'select from jobqueue.buckets where tokens <= 50')).toHaveLength(1);
    await returnTokens(database, [{ key: 'gone', tokens: 5, takenAt }], 10_000);
    expect(await rows(database, 'select from jobqueue.buckets')).toHaveLength(1);
  });

  test('who must wait too long gets a place in line, each behind the one before, and newcomers do not overtake', async () => {
    const { database } = setup;
    const limit = { key: 'b', perSecond: 0.5, burst: 1 };
    expect(await take(database, { ...limit, want: 1, waiting: 4 })).toMatchObject({
      taken: 1,
      postponed: 3,
      spacingMs: 2_000,
    });
    const next = await take(database, { ...limit, waiting: 2 });
    expect(next).toMatchObject({ taken: 0, postponed: 2 });
    expect(next.postponeMs).toBeGreaterThan(7_000);
    expect(next.postponeMs).toBeLessThanOrEqual(8_000);
    // the first token of the line has come: it is theirs
    await rows(
      database,
      `update jobqueue.buckets set refilled_at = refilled_at - interval '2 s', promised_until = promised_until - interval '2 s'`,
    );
    expect(await take(database, { ...limit })).toMatchObject({ taken: 0, postponed: 1 });
    expect(await take(database, { ...limit, returning: 1 })).toMatchObject({ taken: 1, postponed: 0 });
  });

  test('buckets that are full and idle go away when new ones come, blocked ones stay', async () => {
    const { database } = setup;
    await rows(
      database,
      `insert into jobqueue.buckets (key, refilled_at, tokens, per_second, burst, blocked_until)
       select 'old' || n, now() - interval '1 hour', 0, 1, 10, case when n = 7 then now() + interval '1 hour' end
       from generate_series(1, 60) n`,
    );
    await vi.waitFor(
      async () => {
        await take(database, { key: `new${Math.random()}` });
        expect(await rows(database, "select key::text as key from jobqueue.buckets where key like 'old%'")).toEqual([
          { key: 'old7' },
        ]);
      },
      { timeout: 15_000, interval: 1 },
    );
  });

  test('among 200,000 buckets one is found by its key, and never by a scan', async () => {
    const { database } = setup;
    await rows(
      database,
      `insert into jobqueue.buckets (key, refilled_at, tokens, per_second, burst)
       select 'k' || n, clock_timestamp(), 0, 1, 10 from generate_series(1, 200000) n`,
    );
    await rows(database, 'analyze jobqueue.buckets');
    const request = { key: 'k7', perSecond: 1, burst: 10, want: 1, waiting: 1, returning: 0, patienceMs: 0, holdMs: 0 };
    const [explained] = await rows<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(
      database,
      `explain (analyze, buffers, format json) select jobqueue.take_tokens_1('${JSON.stringify([{ ...request, spare: 0 }])}')`,
    );
    const { 'Shared Hit Blocks': hit = 0, 'Shared Read Blocks': read = 0 } = explained?.['QUERY PLAN'][0].Plan ?? {};
    expect(hit).toBeGreaterThan(0);
    expect(hit + read).toBeLessThan(2_000); // with the catalogue of a fresh session; a scan would read five thousand
  });

  test('a handler gets its tokens one by one, as quickly as the bucket fills and no quicker', {
    timeout: 30_000,
  }, async () => {
    const { database } = setup;
    const limit = { perSecond: 20, burst: 5 };
    const queue = limitedQueue(database, { limit });
    await queue.addJobs(sends('asks', 30));
    expect(await queue.drain({ budgetMs: 25_000 })).toMatchObject({ completed: 30, retried: 0, deadLettered: 0 });
    const used = await uses(database);
    expect(used.map(({ attempt }) => attempt)).toEqual(Array(30).fill(1));
    expect(
      excess(
        used.map(({ used_ms }) => used_ms),
        limit,
      ),
    ).toBeLessThanOrEqual(0);
  });

  test('a job whose token is far away goes back: no attempt, no counter, no spinning, and due when its token is', async () => {
    const { database, sent } = counted(setup.database);
    const queue = limitedQueue(database, { limit: SLOW });
    await queue.addJobs(sends('asks', 6));
    const report = await queue.drain({ budgetMs: 30_000 });
    expect(report).toMatchObject({ completed: 1, givenBack: 5, retried: 0, claimed: 6, stopReason: 'empty' });
    expect(report.nextDueInMs).toBeGreaterThan(90_000);
    expect(naming(sent, 'step_2')).toBeLessThanOrEqual(4);
    expect(naming(sent, 'take_tokens_1')).toBeLessThanOrEqual(4);
    const left = await liveJobs(database);
    expect(left).toHaveLength(5);
    for (const [n, job] of left.entries()) {
      expect(job).toMatchObject({ attempt: 0, fence: 1, passes: 0, interruptions: 0, rescues: 0 });
      expect(job.due_in_ms).toBeGreaterThan(90_000 + n); // never before its token
    }
    expect(left[1]?.due_in_ms).toBeGreaterThan((left[0]?.due_in_ms ?? 0) + 90_000);
    expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ claimed: 0, stopReason: 'empty' });
  });

  test('a postponed job takes its token when it comes back, before one that comes for the first time', async () => {
    const { database } = setup;
    const queue = limitedQueue(database, { limit: SLOW });
    await queue.addJobs(sends('asks', 2));
    await queue.drain({ budgetMs: 5_000 });
    await queue.addJobs([{ type: 'asks', payload: { key: 'k', n: 99 } }]);
    await makeDue(database);
    await rows(database, "update jobqueue.jobs set due_at = due_at - interval '1 s' where fence = 0"); // the newcomer is claimed first
    await rows(database, "update jobqueue.buckets set refilled_at = refilled_at - interval '100 s'");
    expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ completed: 1, givenBack: 1 });
    expect((await uses(database)).map(({ n }) => n)).not.toContain(99);
  });

  test.each(['returns', 'throws', 'throws for good'])(
    'a handler that catches its postponement and %s has not done its work',
    async (then) => {
      const { database } = setup;
      const ask = async ({ rateLimit }: SendContext) => {
        await rateLimit('k', SLOW);
        await rateLimit('k', SLOW).catch((error: unknown) => {
          if (then === 'throws') throw new Error('could not send', { cause: error });
          if (then === 'throws for good') throw new NonRetryableError('could not send');
        });
        return 'done';
      };
      const queue = limitedQueue(database, { limit: SLOW, ask });
      await queue.addJobs(sends('asks', 1));
      expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({
        completed: 0,
        deadLettered: 0,
        retried: 0,
        givenBack: 1,
      });
      expect(await liveJobs(database)).toMatchObject([{ attempt: 0 }]);
    },
  );

  test('a handler that answers its postponement with its next slice keeps its state, and comes when the token is there', async () => {
    const { database } = setup;
    const ask = async ({ rateLimit, job }: SendContext) => {
      await rateLimit('k', SLOW);
      return rateLimit('k', SLOW).catch(() => continueWith({ sent: 1, before: job.state }));
    };
    const queue = limitedQueue(database, { limit: SLOW, ask });
    await queue.addJobs(sends('asks', 1));
    expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ continued: 1, givenBack: 0 });
    const [job] = await rows<{ state: unknown; waits: boolean }>(
      database,
      "select state, due_at > now() + interval '90 s' as waits from jobqueue.jobs",
    );
    expect(job).toEqual({ state: { sent: 1, before: null }, waits: true });
  });

  test('a rescued job that is postponed stays under suspicion', async () => {
    const { database } = setup;
    const queue = limitedQueue(database, { limit: SLOW });
    await take(database, { key: 'k', ...SLOW });
    await queue.addJobs(sends('asks', 1));
    await rows(database, 'update jobqueue.jobs set rescues = 1, interruptions = 2, passes = 1');
    expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ givenBack: 1 });
    expect(await liveJobs(database)).toMatchObject([{ rescues: 1, interruptions: 2, passes: 1, attempt: 0 }]);
    await endLeases(database);
    expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ claimed: 0, rescued: 0 });
  });

  test('a block holds for every drain until its end, whoever says so, and a shorter one does not shorten it', async () => {
    const { database } = setup;
    let blocks = 0;
    const ask = async ({ rateLimit, payload }: SendContext) => {
      await rateLimit(payload.key, { perSecond: 100, burst: 100 });
      blocks++;
      await rateLimit.blockUntil(payload.key, { delayMs: 60_000 });
      await rateLimit.blockUntil(payload.key, new Date(Date.now() + 1_000));
    };
    const queue = limitedQueue(database, { limit: SLOW, ask });
    await queue.addJobs(sends('asks', 1));
    await queue.drain({ budgetMs: 5_000 });
    await queue.addJobs(sends('asks', 5));
    const others = Array.from({ length: 3 }, () => limitedQueue(setup.connect(), { limit: SLOW, ask }));
    const reports = await Promise.all([queue, ...others].map((other) => other.drain({ budgetMs: 10_000 })));
    expect(reports.reduce((sum, { givenBack }) => sum + givenBack, 0)).toBe(5);
    expect(blocks).toBe(1);
    for (const { due_in_ms } of await liveJobs(database)) expect(due_in_ms).toBeGreaterThan(45_000);
    const [limit] = await queue.rateLimits();
    expect(limit).toMatchObject({ key: 'k', perSecond: 100, burst: 100 });
    expect(limit?.blockedUntil?.getTime()).toBeGreaterThan(Date.now() + 45_000);
  });

  test('a bucket can be blocked before anything was taken from it', async () => {
    const { database } = setup;
    const ask = ({ rateLimit }: SendContext) => rateLimit.blockUntil('fresh', { delayMs: 60_000 });
    const queue = limitedQueue(database, { limit: SLOW, ask });
    await queue.addJobs(sends('asks', 1));
    await queue.drain({ budgetMs: 5_000 });
    expect(await queue.rateLimits()).toMatchObject([{ key: 'fresh', perSecond: null, burst: null, tokens: null }]);
    expect(await take(database, { key: 'fresh' })).toMatchObject({ taken: 0, postponed: 1 });
  });

  test('an operator ends a block, and the audit log says who', async () => {
    const { database } = setup;
    const queue = limitedQueue(database, { limit: SLOW });
    await rows(database, "select jobqueue.block_1('k', 60000)");
    expect(await queue.unblock('k', { actor: 'sam' })).toBe(true);
    expect(await queue.unblock('k', { actor: 'sam' })).toBe(false);
    expect(await queue.unblock('unknown', { actor: 'sam' })).toBe(false);
    expect(await rows(database, 'select actor, action, details from jobqueue.audit_log')).toEqual([
      { actor: 'sam', action: 'rate_limit_unblock', details: { key: 'k', blockedUntil: expect.any(String) } },
    ]);
    expect(await take(database, { key: 'k' })).toMatchObject({ taken: 1 });
    await expect(queue.unblock('', { actor: 'sam' })).rejects.toThrow(QueueError);
    await expect(queue.unblock('k', { actor: ' ' })).rejects.toThrow(/actor/);
  });

  test('a type starts no faster than its limit, and is not claimed in circles meanwhile', {
    timeout: 30_000,
  }, async () => {
    const { database } = setup;
    const limit = { perSecond: 10, burst: 3 };
    const queue = limitedQueue(database, { limit });
    await queue.addJobs(sends('typed', 25));
    const report = await queue.drain({ budgetMs: 25_000 });
    expect(report).toMatchObject({ completed: 25, retried: 0, deadLettered: 0 });
    const used = await uses(database);
    expect(
      excess(
        used.map(({ used_ms }) => used_ms),
        limit,
      ),
    ).toBeLessThanOrEqual(0);
    expect(report.claimed).toBeLessThanOrEqual(75);
    expect(
      await rows(database, "select from jobqueue.finished_jobs where type = 'typed' and attempt = 1"),
    ).toHaveLength(25);
  });

  test('a type without tokens costs a drain a few statements, and holds up no other type', async () => {
    const { database, sent } = counted(setup.database);
    const queue = limitedQueue(database, { limit: { perSecond: 0.02, burst: 2 } });
    await queue.addJobs([...sends('typed', 200), ...sends('free', 20)]);
    const report = await queue.drain({ budgetMs: 20_000 });
    expect(report.stopReason).toBe('empty');
    expect(report.completed).toBeGreaterThanOrEqual(20);
    expect(report.completed).toBeLessThanOrEqual(22);
    expect(report.nextDueInMs).toBeGreaterThan(10_000);
    expect(report.claimed).toBeLessThanOrEqual(220); // none twice
    expect(naming(sent, 'step_2')).toBeLessThanOrEqual(15);
    expect(naming(sent, 'take_tokens_1')).toBeLessThanOrEqual(10);
    sent.length = 0;
    expect(await queue.drain({ budgetMs: 20_000 })).toMatchObject({ claimed: 0, stopReason: 'empty' });
    expect(sent).toHaveLength(1); // its tokens are known to be far away
  });

  test('a key that has no token stops only its own jobs', async () => {
    const { database } = setup;
    const queue = limitedQueue(database, { limit: SLOW });
    await queue.addJobs(['a', 'b', 'c'].flatMap((key) => sends('keyed', 4, key)));
    const report = await queue.drain({ budgetMs: 20_000 });
    expect(report).toMatchObject({ completed: 3, givenBack: 9, stopReason: 'empty' });
    expect((await uses(database)).map(({ key, n }) => `${key}${n}`).sort()).toEqual(['a0', 'b0', 'c0']);
    expect((await liveJobs(database)).map(({ attempt, fence }) => [attempt, fence])).toEqual(Array(9).fill([0, 1]));
  });

  test('a drain without rate limits sends nothing for them, and an empty tick is one statement', async () => {
    const { database, sent } = counted(setup.database);
    const queue = limitedQueue(database, { limit: SLOW });
    await queue.drain({ budgetMs: 5_000 });
    expect(sent).toHaveLength(1);
    await queue.addJobs(sends('free', 20));
    await queue.drain({ budgetMs: 5_000 });
    expect(naming(sent, 'tokens')).toBe(0);
  });

  test('tokens in hand go back when the last drain of the process ends', async () => {
    const { database, sent } = counted(setup.database);
    const limit = { perSecond: 0.1, burst: 100 };
    const ask = async ({ rateLimit, payload, signal }: SendContext) => {
      for (let n = 0; n < payload.n; n++) {
        await rateLimit('portal', limit);
        signal.throwIfAborted();
      }
    };
    const queue = limitedQueue(database, { limit, ask });
    await queue.addJobs([{ type: 'asks', payload: { key: 'portal', n: 20 } }]);
    await vi.waitFor(
      async () => {
        // how much is in hand at the end is a matter of chance: until there was something
        await rows(database, emptied('jobqueue.buckets'));
        await queue.addJobs([{ type: 'asks', payload: { key: 'portal', n: 20 } }]);
        await queue.drain({ budgetMs: 10_000 });
        expect(naming(sent, 'return_tokens_1')).toBeGreaterThan(0);
      },
      { timeout: 20_000, interval: 1 },
    );
    expect(await rows(database, 'select from jobqueue.buckets where tokens > 80')).toEqual([]);
  });

  test('while Postgres does not answer nobody gets a token', { timeout: 30_000 }, async () => {
    const { database } = setup;
    const queue = limitedQueue(database, { limit: { perSecond: 100, burst: 100 } });
    await rows(database, 'alter function jobqueue.take_tokens_1(jsonb) rename to hidden');
    try {
      await queue.addJobs([...sends('asks', 1), ...sends('typed', 1)]);
      const report = await queue.drain({ budgetMs: 5_000 });
      expect(report).toMatchObject({ completed: 0, givenBack: 1 });
      expect(report.retried).toBeGreaterThan(0);
      expect(await uses(database)).toEqual([]);
    } finally {
      await rows(database, 'alter function jobqueue.hidden(jsonb) rename to take_tokens_1');
    }
  });

  test('a wrong limit or key is refused, and says so', async () => {
    const { database } = setup;
    const ask = async ({ rateLimit }: SendContext) => {
      const tries = [
        () => rateLimit('', SLOW),
        () => rateLimit('x'.repeat(513), SLOW),
        () => rateLimit('k', { perSecond: 0, burst: 1 }),
        () => rateLimit('k', { perSecond: 20_000, burst: 1 }),
        () => rateLimit('k', { perSecond: 1, burst: 1.5 }),
        () => rateLimit.blockUntil('k', new Date(Number.NaN)),
      ];
      for (const attempt of tries)
        expect(attempt).toThrow(expect.objectContaining({ name: 'QueueError', code: 'option_invalid' }));
    };
    const queue = limitedQueue(database, { limit: SLOW, ask });
    await queue.addJobs(sends('asks', 1));
    expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ completed: 1 });
    expect(await queue.rateLimits()).toEqual([]);
  });
});
