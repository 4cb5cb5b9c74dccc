/** `@conversure/jobqueue/testing`, as the tests of an app use it. */
import { beforeEach, describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { describeEachDriver, describeOnOneDriver } from '../../../tests/support/drivers.ts';
import {
  cancelJob,
  continueWith,
  createQueue,
  defineJob,
  type JobContext,
  NonRetryableError,
  QueueError,
  secret,
} from '../src/index.ts';
import type { Database } from '../src/postgres/connect.ts';
import { LEFT_BY_JOBS } from '../src/postgres/statements/testing.ts';
import {
  advance,
  clearQueue,
  drainAll,
  enqueued,
  expectEnqueued,
  expectJob,
  JobsFailedError,
  runJob,
  spyOn,
} from '../src/testing.ts';
import { rows, statuses } from './support.ts';

const DAY_MS = 24 * 3_600_000;
/** A drain would wait for a sooner retry. */
const AFTER_AN_HOUR = { 'retry-after': '3600' };
const addresses = z.object({
  to: z.string(),
  tags: z.array(z.string()).default(['none']),
  code: secret(z.string()).optional(),
});

/** A queue whose mails fail as often as `failing` says, in jobs by `to`. */
function mails(database: Database, failing: Record<string, number> = {}, environment?: string) {
  const runs = new Map<string, number>();
  const mail = defineJob({
    type: 'mail',
    payload: addresses,
    handler: async () => ({
      run: async ({ payload: { to } }) => {
        runs.set(to, (runs.get(to) ?? 0) + 1);
        const error = Object.assign(new RangeError(`no mailbox ${to}`), { headers: AFTER_AN_HOUR });
        if (Number(runs.get(to)) <= (failing[to] ?? 0)) throw error;
        return { to };
      },
    }),
  });
  const poll = defineJob({
    type: 'poll',
    payload: z.object({ n: z.number() }),
    handler: async () => ({ run: async () => continueWith({ again: true }, { delayMs: DAY_MS }) }),
  });
  const limited = defineJob({
    type: 'limited',
    payload: z.object({ n: z.number() }),
    rateLimit: { perSecond: 0.001, burst: 1 },
    handler: async () => ({ run: async () => null }),
  });
  const jobs = [mail, poll, limited, defineJob({ type: 'nobody', payload: z.object({}) })] as const;
  const queue = createQueue({ database, jobs, environment, logJobs: 'none' });
  return { queue, runs };
}

describeEachDriver('tests of an app', (setup) => {
  beforeEach(() => clearQueue(mails(setup.database).queue));

  test('drain what is due and leave what is not', async () => {
    const { queue } = mails(setup.database);
    await queue.addJobs([
      { type: 'mail', payload: { to: 'ada' } },
      { type: 'mail', payload: { to: 'bob' }, options: { delayMs: DAY_MS } },
      { type: 'nobody', payload: {} },
    ]);
    expect(await drainAll(queue)).toMatchObject({ drains: 1, claimed: 1, completed: 1, failures: [] });
    expect(await enqueued(queue, { type: 'mail' })).toMatchObject([{ payload: { to: 'bob' }, status: 'PENDING' }]);
    expect(await drainAll(queue, { includeDelayed: true })).toMatchObject({ completed: 1 });
    expect(await statuses(setup.database)).toEqual({ COMPLETED: 2, PENDING: 1 });
  });

  test('read what was enqueued by type and a part of the payload', async () => {
    const { queue } = mails(setup.database);
    await queue.addJob('mail', { to: 'ada', tags: ['new', 'vip'] }, { idempotencyKey: 'ada', priority: 2 });
    await queue.addJob('mail', { to: 'bob' });
    const found = await expectEnqueued(queue, { type: 'mail', payload: { tags: ['vip'] }, count: 1 });
    expect(found).toMatchObject([{ type: 'mail', idempotencyKey: 'ada', priority: 2, payload: { to: 'ada' } }]);
    expect(await enqueued(queue)).toHaveLength(2);
    expect(await expectEnqueued(queue, { type: 'poll', count: 0 })).toEqual([]);
    expectTypeOf(found[0]?.payload.to).toEqualTypeOf<string | undefined>();
    // @ts-expect-error the payload of this type has no such field
    expect(await enqueued(queue, { type: 'poll', payload: { to: 'ada' } })).toEqual([]);
  });

  test('let time pass for delays, windows of keys and rate limits', async () => {
    const { queue } = mails(setup.database);
    await queue.addJob('mail', { to: 'ada' }, { idempotencyKey: 'ada' });
    await queue.addJob('mail', { to: 'bob' }, { delayMs: 2 * DAY_MS });
    await queue.addJobs([1, 2].map((n) => ({ type: 'limited', payload: { n } })));
    expect(await drainAll(queue)).toMatchObject({ completed: 2 });
    expect(await advance(queue, '1h')).toBe(2);
    expect(await drainAll(queue)).toMatchObject({ completed: 1 }); // the second limited one
    expect(await queue.addJob('mail', { to: 'ada' }, { idempotencyKey: 'ada' })).toBeNull();
    expect(await advance(queue, 2 * DAY_MS)).toBe(1);
    await drainAll(queue);
    await expectJob(queue, { type: 'mail', payload: { to: 'bob' }, status: 'COMPLETED' });
    await advance(queue, '6d');
    expect(await queue.addJob('mail', { to: 'ada' }, { idempotencyKey: 'ada' })).not.toBeNull();
  });

  test('find a job by id, type or payload, whatever became of it', async () => {
    const { queue } = mails(setup.database, { eve: 9 });
    const ada = await queue.addJob('mail', { to: 'ada' });
    await queue.addJob('mail', { to: 'eve' }, { maxAttempts: 1 });
    await expectJob(queue, { type: 'mail', payload: { to: 'ada' }, status: 'PENDING', attempts: 0, result: null });
    await drainAll(queue, { onFailure: 'continue' });
    const job = await expectJob(queue, { type: 'mail', status: 'COMPLETED', attempts: 1, result: { to: 'ada' } });
    expect(job.id).toBe(ada?.id);
    expectTypeOf(job.payload.to).toEqualTypeOf<string>();
    await expectJob(queue, { payload: { to: 'eve' }, status: 'DEAD_LETTER', error: 'no mailbox eve' });
    await expectJob(queue, { id: job.id, status: 'COMPLETED' });
  });

  test('empty the queue of all that jobs left', async () => {
    const { queue } = mails(setup.database, { ada: 9 });
    await queue.addJob('mail', { to: 'ada' }, { maxAttempts: 1, idempotencyKey: 'ada' });
    await queue.addFlow({ type: 'mail', payload: { to: 'bob' }, children: [{ type: 'limited', payload: { n: 1 } }] });
    await drainAll(queue, { onFailure: 'continue' });
    await queue.pause({ type: 'mail' }, { actor: 'ann' });
    await clearQueue(queue);
    const left = LEFT_BY_JOBS.map((table) => `select '${table}' as left_in from jobqueue.${table}`);
    expect(await rows(setup.database, left.join(' union all '))).toEqual([]);
    await queue.addJob('mail', { to: 'bob' }, { idempotencyKey: 'ada' });
    expect(await drainAll(queue)).toMatchObject({ completed: 1 });
  });

  test('leave what code and operators have set, and how far the upkeep is', async () => {
    const tables = await rows<{ name: string }>(
      setup.database,
      `select tablename::text as name from pg_tables where schemaname = 'jobqueue' and tablename <> all ($1::text[])
       order by tablename collate "C"`,
      LEFT_BY_JOBS,
    );
    expect(tables.map(({ name }) => name)).toEqual([
      ...['audit_log', 'environment', 'migrations', 'mutes', 'schedule_sets', 'schedule_slots', 'schedules'],
      ...['sweeps', 'upkeep', 'watch'],
    ]);
  });
});

describeOnOneDriver('drainAll', (setup) => {
  beforeEach(() => clearQueue(mails(setup.database).queue));

  test("shows the handler's error instead of a retry that nobody sees", async () => {
    const { queue } = mails(setup.database, { ada: 1 });
    const job = await queue.addJob('mail', { to: 'ada' });
    const error = await drainAll(queue).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(JobsFailedError);
    expect(error).toMatchObject({
      message: `drainAll: 1 failed run\n  mail ${job?.id}, attempt 1: RangeError: no mailbox ada`,
      failures: [{ id: job?.id, type: 'mail', attempt: 1, error: { name: 'RangeError' } }],
      cause: { name: 'RangeError', message: 'no mailbox ada', stack: expect.stringContaining('testing.test.ts') },
    });
  });

  test('goes on through retries if it is told to, and lists each failed run', async () => {
    const { queue, runs } = mails(setup.database, { ada: 1, bob: 9 });
    await queue.addJobs(['ada', 'bob'].map((to) => ({ type: 'mail', payload: { to }, options: { maxAttempts: 2 } })));
    const report = await drainAll(queue, { includeDelayed: true, onFailure: 'continue' });
    expect(report).toMatchObject({ claimed: 4, completed: 1, retried: 2, deadLettered: 1 });
    expect(report.failures.map(({ attempt, error }) => `${attempt} ${error.message}`).sort()).toEqual([
      '1 no mailbox ada',
      '1 no mailbox bob',
      '2 no mailbox bob',
    ]);
    expect(runs).toEqual(new Map([['ada', 2], ['bob', 2]])); // biome-ignore format: a table
    expect((await drainAll(queue)).failures).toEqual([]); // those of earlier drains are no news
  });

  test('runs what comes until an instant, and nothing of later', async () => {
    const { queue } = mails(setup.database);
    for (const days of [1, 3]) await queue.addJob('mail', { to: `${days}` }, { delayMs: days * DAY_MS });
    expect(await drainAll(queue, { includeDelayed: new Date(Date.now() + 2 * DAY_MS) })).toMatchObject({
      completed: 1,
    });
    expect(await enqueued(queue)).toMatchObject([{ payload: { to: '3' } }]);
  });

  test('gives rate limits as much time as jobs', async () => {
    const { queue } = mails(setup.database);
    await queue.addJobs([1, 2, 3].map((n) => ({ type: 'limited', payload: { n } })));
    expect(await drainAll(queue, { includeDelayed: true })).toMatchObject({ completed: 3 });
  });

  test('ends with a list of what is left where jobs never end', async () => {
    const { queue } = mails(setup.database);
    await queue.addJobs(Array.from({ length: 12 }, (_, n) => ({ type: 'poll', payload: { n } })));
    const error = await drainAll(queue, { includeDelayed: true, maxDrains: 2 }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(QueueError);
    expect(error).toMatchObject({ code: 'wait_timeout' });
    const [first, ...lines] = String(error).split('\n');
    expect(first).toBe('QueueError: drainAll: jobs are left after 2 drains, the most allowed');
    expect(lines).toHaveLength(11);
    expect(lines[0]).toMatch(/^ {2}poll \d+ PENDING, due \d{4}-/);
    expect(lines[10]).toBe('  and more');
  });

  test('says what is left when its time is over', async () => {
    const { queue } = mails(setup.database);
    await queue.addJob('mail', { to: 'ada' });
    await expect(drainAll(queue, { timeoutMs: 1 })).rejects.toThrow(/ended with 'deadline'.*\n {2}mail \d+ PENDING/);
  });

  test('drains only the types that it is given', async () => {
    const { queue } = mails(setup.database);
    await queue.addJobs([
      { type: 'mail', payload: { to: 'ada' } },
      { type: 'poll', payload: { n: 1 } },
    ]);
    expect(await drainAll(queue, { types: ['mail'], includeDelayed: true })).toMatchObject({
      claimed: 1,
      completed: 1,
    });
  });

  test('and clearQueue touch nothing of production, nor of another environment', async () => {
    const { queue } = mails(setup.database, {}, 'production');
    await queue.addJob('mail', { to: 'ada' }, { delayMs: DAY_MS });
    const due = () => rows(setup.database, 'select due_at from jobqueue.jobs');
    const before = await due();
    try {
      await queue.adopt('production', { actor: 'ann' });
      for (const refused of [queue, mails(setup.database).queue, mails(setup.database, {}, 'test').queue])
        for (const call of [() => drainAll(refused, { includeDelayed: true }), () => clearQueue(refused)])
          await expect(call()).rejects.toMatchObject({ code: 'other_environment' });
      await queue.adopt('preview', { actor: 'ann' });
      await expect(clearQueue(mails(setup.database, {}, 'test').queue)).rejects.toMatchObject({
        code: 'other_environment',
      });
      expect(await due()).toEqual(before);
      await clearQueue(mails(setup.database, {}, 'preview').queue);
      expect(await due()).toEqual([]);
    } finally {
      await rows(setup.database, 'delete from jobqueue.environment');
    }
  });

  test('refuses an option that it does not know, and what is no queue', async () => {
    const { queue } = mails(setup.database);
    await expect(drainAll(queue, { includedelayed: true } as object)).rejects.toThrow(/the nearest: includeDelayed/);
    await expect(enqueued({ ...queue })).rejects.toThrow(
      'queue: expected a queue that createQueue made, got an object',
    );
    // @ts-expect-error no job has this type
    await expect(enqueued(queue, { type: 'male' })).rejects.toThrow("enqueued: type: expected 'mail' or 'poll'");
  });

  test('expectEnqueued lists the jobs that are there instead, without their secrets', async () => {
    const { queue } = mails(setup.database);
    const wanted = { type: 'mail', payload: { to: 'eve' } } as const;
    await expect(expectEnqueued(queue, wanted)).rejects.toThrow('found 0; no job is live');
    await queue.addJobs(
      Array.from({ length: 12 }, (_, n) => ({ type: 'mail', payload: { to: `${n}`, code: `hush-${n}` } })),
    );
    const error = await expectEnqueued(queue, wanted).catch((thrown: unknown) => thrown);
    expect(String(error)).toContain(
      'expected at least one live job like {"type":"mail","payload":{"to":"eve"}}, found 0',
    );
    expect(String(error)).toMatch(/\n {2}mail \d+ PENDING, due .*: \{"to":"0"/);
    expect(String(error)).not.toContain('hush');
    expect(String(error).split('\n')).toHaveLength(12);
    await expect(expectEnqueued(queue, { type: 'mail', count: 11 })).rejects.toThrow('expected 11 live jobs');
  });

  test('runJob gives a handler the members that a drain gives it', async () => {
    const seen: JobContext<unknown>[] = [];
    const job = defineJob({
      type: 'seen',
      payload: z.object({ n: z.number() }),
      handler: async () => ({ run: async (context) => void seen.push(context) }),
    });
    const queue = createQueue({ database: setup.database, jobs: [job] });
    await runJob(job, { n: 1 });
    await queue.addJob('seen', { n: 1 });
    await drainAll(queue);
    const [alone, drained] = seen as [JobContext<unknown>, JobContext<unknown>];
    const kinds = (context: JobContext<unknown>, names: readonly string[]) =>
      names.map((name) => `${name}: ${typeof context[name as keyof JobContext<unknown>]}`);
    expect(kinds(alone, Object.keys(alone))).toEqual(kinds(drained, Object.keys(alone)));
    const offered = Object.keys(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(drained)));
    expect(Object.keys(alone).sort()).toEqual(['payload', ...offered.filter((name) => name !== 'constructor')].sort());
    expect(Object.keys(alone.job).sort()).toEqual(Object.keys(drained.job).sort());
    expect({ ...alone.job, id: '', createdAt: 0, dueAt: 0 }).toEqual({
      ...drained.job,
      id: '',
      createdAt: 0,
      dueAt: 0,
    });
    expect(Object.keys(alone.rateLimit).sort()).toEqual(Object.keys(drained.rateLimit).sort());
  });
});

describeOnOneDriver('advance, expectJob and spyOn', (setup) => {
  beforeEach(() => clearQueue(mails(setup.database).queue));

  test('advance ends the lease of a running job, so that the next drain runs it again', async () => {
    const fences: number[] = [];
    let secondRun: Promise<unknown> = Promise.resolve();
    const job = defineJob({
      type: 'held',
      payload: z.object({}),
      handler: async () => ({
        run: async ({ job: { fence } }) => {
          fences.push(fence);
          if (fences.length > 1) return;
          await advance(queue, '1h');
          secondRun = drainAll(queue, { includeDelayed: true });
          await secondRun;
        },
      }),
    });
    const queue = createQueue({ database: setup.database, jobs: [job], logJobs: 'none', log: () => undefined });
    await queue.addJob('held', {});
    await queue.drain();
    expect(await secondRun).toMatchObject({ completed: 1 });
    expect(fences).toEqual([1, 2]);
  });

  test('advance leaves parents that wait for their children, and refuses what is no duration and what is not for tests', async () => {
    const { queue } = mails(setup.database);
    await queue.addFlow({ type: 'mail', payload: { to: 'bob' }, children: [{ type: 'limited', payload: { n: 1 } }] });
    expect(await advance(queue, '1h')).toBe(1);
    expect(await enqueued(queue, { type: 'mail' })).toMatchObject([{ waitsForChildren: true }]);
    for (const wrong of [0, -1, '11y', 'soon', null] as never[])
      await expect(advance(queue, wrong)).rejects.toThrow('advance: by: expected a duration');
    try {
      await mails(setup.database, {}, 'production').queue.adopt('production', { actor: 'ann' });
      await expect(advance(queue, '1h')).rejects.toMatchObject({ code: 'other_environment' });
    } finally {
      await rows(setup.database, 'delete from jobqueue.environment');
    }
  });

  test('expectJob says what became of the jobs that are there', async () => {
    const { queue } = mails(setup.database);
    await queue.addJob('mail', { to: 'ada' });
    await drainAll(queue);
    await expect(expectJob(queue, { type: 'mail', status: 'DEAD_LETTER' })).rejects.toThrow(
      /expected a job like .*, found:\n {2}mail \d+ COMPLETED, due .*, 1 attempts, result \{"to":"ada"\}/,
    );
    await expect(expectJob(queue, { type: 'poll' })).rejects.toThrow('found none of this id, type and payload');
    await expect(expectJob(queue, { id: 'x' })).rejects.toMatchObject({ code: 'option_invalid' });
    await expect(expectJob(queue, { status: 'DONE' } as object)).rejects.toThrow("status: expected 'PENDING'");
    await expect(expectJob(queue, { state: 1 } as object)).rejects.toMatchObject({ code: 'option_invalid' });
    await queue.addJobs(Array.from({ length: 100 }, () => ({ type: 'mail', payload: { to: 'x' } })));
    await expect(expectJob(queue, { type: 'mail' })).rejects.toThrow('to fit at most 100 jobs');
  });

  test('a spy records the runs of its type, with what they came to', async () => {
    const { queue } = mails(setup.database, { eve: 1 });
    const mail = spyOn(queue, 'mail');
    await queue.addJob('mail', { to: 'eve' });
    await queue.addJob('poll', { n: 1 });
    await drainAll(queue, { onFailure: 'continue' });
    await advance(queue, '1h');
    await drainAll(queue);
    expect(mail.calls).toMatchObject([
      { payload: { to: 'eve', tags: ['none'] }, job: { attempt: 1 }, outcome: 'threw', error: { name: 'RangeError' } },
      { payload: { to: 'eve' }, job: { attempt: 2 }, outcome: 'returned', value: { to: 'eve' } },
    ]);
    expect(mail.count).toBe(2);
    expectTypeOf(mail.calls[0]?.payload.tags).toEqualTypeOf<string[] | undefined>();
  });

  test('a spy runs in place of the handler until it is restored', async () => {
    const around: string[] = [];
    const { queue: own, runs } = mails(setup.database);
    const queue = own.with({
      around: (context, next) => {
        around.push(context.job.type);
        return next();
      },
    });
    const mail = spyOn(queue, 'mail', ({ payload }) =>
      payload.to === 'bob' ? cancelJob('not bob') : { instead: payload.to },
    );
    await queue.addJobs(['ada', 'bob'].map((to) => ({ type: 'mail', payload: { to } })));
    await drainAll(queue);
    await expectJob(queue, { payload: { to: 'ada' }, result: { instead: 'ada' } });
    await expectJob(queue, { payload: { to: 'bob' }, status: 'CANCELLED' });
    expect([runs.size, mail.count, around]).toEqual([0, 2, ['mail', 'mail']]);
    mail.restore();
    await queue.addJob('mail', { to: 'cat' });
    await drainAll(queue);
    expect([runs.get('cat'), mail.count]).toEqual([1, 2]);
  });

  test('a spy is refused for a type that no drain claims', async () => {
    const { queue } = mails(setup.database);
    expect(() => spyOn(queue, 'nobody')).toThrow("spyOn: type: expected 'mail' or 'poll' or 'limited'");
    expect(() => spyOn(queue, 'mail', 1 as never)).toThrow('spyOn: instead: expected a function');
    expect(() => spyOn({ ...queue }, 'mail')).toThrow('queue: expected a queue that createQueue made');
  });
});

describe('runJob', () => {
  /** A job whose handler does what the test says. */
  const jobOf = (run: (context: JobContext<z.infer<typeof addresses>>) => Promise<unknown>, timeout = 60_000) =>
    defineJob({ type: 'mail', payload: addresses, timeout, handler: async () => ({ run }) });

  test('gives the handler its payload as the schema makes it, and answers the result after JSON', async () => {
    const job = jobOf(async ({ payload, job: { attempt, type } }) => ({ payload, attempt, type, gone: undefined }));
    expect(await runJob(job, { to: 'ada' })).toEqual({
      kind: 'completed',
      result: { payload: { to: 'ada', tags: ['none'] }, attempt: 1, type: 'mail' },
      checkpoints: [],
      progress: [],
    });
    expect(await runJob(job, { to: 'ada' }, { job: { attempt: 3 } })).toMatchObject({ result: { attempt: 3 } });
  });

  test('rejects with the very error of the handler', async () => {
    const error = new NonRetryableError('gone for good');
    const job = jobOf(async () => {
      throw error;
    });
    expect(await runJob(job, { to: 'ada' }).catch((thrown: unknown) => thrown)).toBe(error);
    const undefinedOnly = jobOf(() => Promise.reject(undefined));
    await expect(runJob(undefinedOnly, { to: 'ada' })).rejects.toBeUndefined();
  });

  test('refuses a payload as addJob does, and results and handlers as a drain does', async () => {
    const wrong = { to: 1 } as unknown as { to: string };
    await expect(
      runJob(
        jobOf(async () => null),
        wrong,
      ),
    ).rejects.toMatchObject({ code: 'payload_invalid' });
    const large = jobOf(async () => 'x'.repeat(70_000));
    await expect(runJob(large, { to: 'ada' })).rejects.toMatchObject({ code: 'result_too_large' });
    const nobody = defineJob({ type: 'nobody', payload: addresses });
    await expect(runJob(nobody, { to: 'ada' })).rejects.toThrow("'nobody' has no handler in this deployment");
    await expect(runJob(large, { to: 'ada' }, { jobs: {} } as object)).rejects.toThrow('the nearest: job');
  });

  test('answers slices, cancels, checkpoints and progress', async () => {
    const slice = jobOf(async ({ job, checkpoint, progress }) => {
      progress({ done: 1, total: 2, note: 'half' });
      await checkpoint({ at: 1 });
      return job.state === null ? continueWith({ at: 2 }, { delayMs: 50 }) : cancelJob('not wanted');
    });
    const told = { checkpoints: [{ at: 1 }], progress: [{ done: 1, total: 2, note: 'half' }] };
    const first = await runJob(slice, { to: 'ada' });
    expect(first).toEqual({ kind: 'continued', state: { at: 2 }, delayMs: 50, ...told });
    const next = await runJob(slice, { to: 'ada' }, { job: { state: { at: 2 } } });
    expect(next).toEqual({ kind: 'cancelled', reason: 'not wanted', ...told });
  });

  test('hands over children and tokens, and checks what is asked of rate limits', async () => {
    const child = { id: '7', type: 'part', status: 'COMPLETED', result: 42, error: null } as const;
    const job = jobOf(async ({ children, rateLimit }) => {
      await rateLimit('portal', { perSecond: 1, burst: 1 });
      const tokens = await rateLimit.takeTokens([{ key: 'a', perSecond: 1, burst: 1 }]);
      const results: unknown[] = [];
      for await (const { result } of children()) results.push(result);
      return { results, tokens };
    });
    expect(await runJob(job, { to: 'ada' }, { children: [child] })).toMatchObject({
      result: { results: [42], tokens: [{ key: 'a', taken: true, retryInMs: 0 }] },
    });
    const wrong = jobOf(({ rateLimit }) => rateLimit('', { perSecond: 1, burst: 1 }));
    await expect(runJob(wrong, { to: 'ada' })).rejects.toMatchObject({ code: 'option_invalid' });
  });

  test("fires the signal when the test says so, and at the job's timeout", async () => {
    const waits = ({ signal }: JobContext<unknown>) =>
      new Promise((_, refuse) => signal.addEventListener('abort', () => refuse(signal.reason)));
    const stop = new AbortController();
    const stopped = jobOf((context) => {
      queueMicrotask(() => stop.abort(new Error('stopped by the test')));
      return waits(context);
    });
    await expect(runJob(stopped, { to: 'ada' }, { signal: stop.signal })).rejects.toThrow('stopped by the test');
    const late = jobOf(waits, 1);
    await expect(runJob(late, { to: 'ada' })).rejects.toMatchObject({ name: 'TimeoutError' });
  });
});
