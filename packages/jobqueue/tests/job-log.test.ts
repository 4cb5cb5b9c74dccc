/** A drain's log of its jobs: one line each, with ids, once Postgres has confirmed the outcome, and never their data. */
import { beforeEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { logToStderr } from '../src/core/log.ts';
import {
  cancelJob,
  continueWith,
  createQueue,
  defineJob,
  type JobContext,
  type LogJobs,
  NonRetryableError,
} from '../src/index.ts';
import type { Database } from '../src/postgres/connect.ts';
import { claimOne, news, send } from './played-exchange.ts';
import { emptyTables, endLeases, makeDue, queueOf, rows } from './support.ts';

interface Line {
  readonly level: string;
  readonly event: string;
  readonly [field: string]: unknown;
}

/** Every text of a payload, a state and a result begins so; none may be told. */
const SECRET = 'SECRET-OF-A-CUSTOMER';

/** A queue whose handlers quote their payload in whatever they throw. */
function telling(database: Database, logJobs?: LogJobs) {
  const lines: Line[] = [];
  const schema = z.object({ to: z.string(), does: z.enum(['return', 'throw', 'give up', 'cancel', 'go on']) });
  const run = async ({ payload, job }: JobContext<z.infer<typeof schema>>) => {
    if (job.state !== null) throw new Error(`cannot go on from ${JSON.stringify(job.state)}`);
    switch (payload.does) {
      case 'return':
        return { sentTo: `${SECRET} of the result` };
      case 'throw':
        throw new Error(`cannot send to ${payload.to}: ${JSON.stringify(payload)}`);
      case 'give up':
        throw new NonRetryableError(`${payload.to} has no phone. ${'And so on. '.repeat(500)}`);
      case 'cancel':
        return cancelJob(`${payload.to} does not want it`);
      case 'go on':
        return continueWith({ after: `${SECRET} of the state` });
    }
  };
  const queue = createQueue({
    database,
    jobs: [defineJob({ type: 'send', payload: schema, queue: 'mail', handler: async () => ({ run }) })],
    log: (level, event, fields) => lines.push({ level, event, ...fields }),
    ...(logJobs && { logJobs }),
  });
  return { queue, lines, ofJobs: () => lines.filter(({ event }) => event.startsWith('job_')) };
}

describeOnOneDriver('the log of jobs', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  test('tells failures and dead letters with all their ids, and when the next attempt comes', async () => {
    const { queue, lines, ofJobs } = telling(setup.database);
    const [failing, dying] = await queue.addJobs([
      { type: 'send', payload: { to: `${SECRET} 1`, does: 'throw' } },
      { type: 'send', payload: { to: `${SECRET} 2`, does: 'give up' } },
      { type: 'send', payload: { to: `${SECRET} 3`, does: 'return' } },
      { type: 'send', payload: { to: `${SECRET} 4`, does: 'cancel' } },
    ]);
    const report = await queue.drain({ limit: 4 }); // not again for the attempt that failed
    const ids = { drain: report.id, type: 'send', queue: 'mail', attempt: 1, fence: 1 };
    const times = { ranMs: expect.any(Number), waitedMs: expect.any(Number) };
    expect(ofJobs().sort((a, b) => Number(a.job) - Number(b.job))).toEqual([
      {
        level: 'warn',
        event: 'job_failed',
        job: failing?.id,
        ...ids,
        ...times,
        willRetryInMs: expect.any(Number),
        errorName: 'Error',
        errorMessage: 'cannot send to [data]: {"to":"[data]","does":"[data]"}',
      },
      {
        level: 'error',
        event: 'job_dead_lettered',
        job: dying?.id,
        ...ids,
        ...times,
        errorName: 'NonRetryableError',
        errorMessage: expect.stringMatching(/^\[data\] has no phone\. And so on\./),
      },
    ]);
    expect(Number(ofJobs()[0]?.willRetryInMs)).toBeGreaterThanOrEqual(2_000);
    expect(lines.at(-1)).toEqual({ level: 'info', event: 'drain_ended', report });
    expect(Math.max(...lines.map((line) => JSON.stringify(line).length))).toBeLessThan(1_000);
  });

  test('tells all that happens to a job where that is wanted, and nothing where it is not', async () => {
    const jobs = (['return', 'throw', 'give up', 'cancel', 'go on'] as const).map((does) => ({
      type: 'send' as const,
      payload: { to: `${SECRET} ${does}`, does },
    }));
    const all = telling(setup.database, 'all');
    await all.queue.addJobs(jobs);
    await all.queue.drain({ limit: 5 });
    const events = new Set(all.ofJobs().map(({ event }) => event));
    expect(events).toEqual(
      new Set(['job_started', 'job_completed', 'job_failed', 'job_dead_lettered', 'job_cancelled', 'job_continued']),
    );
    expect(
      all
        .ofJobs()
        .filter(({ event }) => event === 'job_started')
        .every(({ level }) => level === 'debug'),
    ).toBe(true);
    expect(all.ofJobs().find(({ event }) => event === 'job_completed')).toMatchObject({
      level: 'info',
      ranMs: expect.any(Number),
      waitedMs: expect.any(Number),
    });

    const none = telling(setup.database, 'none');
    await none.queue.addJobs(jobs);
    await none.queue.drain({ limit: 5 });
    expect(none.lines.map(({ event }) => event)).toEqual(['drain_ended']);
  });

  test('never shows payload, state or result, however an error quotes them', async () => {
    const { queue, lines } = telling(setup.database, 'all');
    await queue.addJobs(
      (['return', 'throw', 'give up', 'cancel', 'go on'] as const).map((does, n) => ({
        type: 'send' as const,
        payload: { to: `${SECRET} ${n} "quoted"\n${'and long '.repeat(200)}`, does },
      })),
    );
    await queue.drain({ limit: 5 });
    await makeDue(setup.database);
    await queue.drain({ limit: 2 });
    expect(lines.length).toBeGreaterThan(10);
    expect(JSON.stringify(lines)).not.toContain('SECRET');
    expect(JSON.stringify(lines)).not.toContain('and long');
  });

  test('tells of a job that another drain took: its outcome changed nothing', async () => {
    const lines: Line[] = [];
    const { queue, seen } = queueOf(setup.database, undefined, {
      logJobs: 'all',
      log: (level, event, fields) => lines.push({ level, event, ...fields }),
    });
    const job = await queue.addJob('work', { mode: 'noop' });
    seen.onStart = async () => {
      await endLeases(setup.database);
      await claimOne(setup.database);
    };
    expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ lost: 1, completed: 0 });
    expect(lines.filter(({ event }) => event.startsWith('job_') && event !== 'job_started')).toEqual([
      {
        level: 'warn',
        event: 'job_lost',
        drain: expect.any(String),
        job: job?.id,
        type: 'work',
        queue: 'default',
        attempt: 1,
        fence: 1,
      },
    ]);
  });

  test('tells of a job that the database convicted of killing its functions', async () => {
    const lines: Line[] = [];
    const { queue } = queueOf(setup.database, undefined, {
      logJobs: 'failures',
      log: (level, event, fields) => lines.push({ level, event, ...fields }),
    });
    const job = await queue.addJob('work', { mode: 'noop' });
    await rows(setup.database, 'update jobqueue.jobs set rescues = 2');
    await send(setup.database, { running: [news(await claimOne(setup.database))] });
    await endLeases(setup.database);
    const { id: drain } = await queue.drain();
    expect(lines[0]).toMatchObject({ level: 'error', event: 'job_dead_lettered', drain, job: job?.id });
    expect(lines[0]).toMatchObject({ errorName: 'CrashedError', errorCode: 'crashed' });
  });

  test('is one line of JSON each where no logger is given, of what needs somebody’s attention', async () => {
    const written: string[] = [];
    const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0);
    try {
      const { queue } = queueOf(setup.database, undefined, { log: logToStderr, logJobs: 'all' });
      const job = await queue.addJob('work', { mode: 'fail_for_good' });
      await queue.addJob('work', { mode: 'noop' });
      await queue.drain();
      expect(written).toHaveLength(1);
      expect(written[0]).toMatch(/^[^\n]*\n$/);
      expect(JSON.parse(written[0] ?? '')).toMatchObject({ level: 'error', event: 'job_dead_lettered', job: job?.id });
    } finally {
      write.mockRestore();
    }
  });
});
