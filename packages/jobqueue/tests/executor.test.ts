/** The claimed jobs of one drain, from their claim to the outbox: which start, which are aborted, which go back. No database. */
import { beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { ClaimedJob } from '../src/core/claimed-job.ts';
import { LIMITS } from '../src/core/limits.ts';
import type { DrainOptions } from '../src/drain/drain-options.ts';
import { beginRun, type DrainRun } from '../src/drain/drain-run.ts';
import { Execution } from '../src/drain/execution.ts';
import { JobExecutor } from '../src/drain/executor.ts';
import { loadHandler } from '../src/drain/handler-loader.ts';
import { Outbox } from '../src/drain/outbox.ts';
import { defineJob, type JobContext } from '../src/index.ts';
import type { Executor } from '../src/postgres/database.ts';
import { RateLimiter } from '../src/rate-limits/limiter.ts';

const MINUTE_MS = 60_000;

interface Running {
  readonly id: string;
  readonly signal: AbortSignal;
  end(result?: unknown): void;
}

/** The handlers under way, in the order in which they started. */
let running: Running[];
let starting: (() => void)[];

async function handle({ job, signal }: JobContext<unknown>): Promise<unknown> {
  return new Promise((resolve) => {
    running.push({ id: job.id, signal, end: resolve });
    for (const tell of starting.splice(0)) tell();
  });
}

const work = defineJob({
  type: 'work',
  payload: z.object({}),
  timeout: '30s',
  handler: async () => ({ run: handle }),
});

/** Nothing here sends a statement. */
const NO_DATABASE: Executor = { execute: () => Promise.reject(new Error('a statement was sent')) };

let run: DrainRun;
let outbox: Outbox;
let executor: JobExecutor;

function begin(options: DrainOptions = {}): void {
  const log = () => undefined;
  const context = {
    ...{
      executor: NO_DATABASE,
      environment: null,
      jobs: new Map([[work.type, work]]),
      around: [],
      telemetry: null,
      log,
    },
    ...{ maxDurationMs: 10 * MINUTE_MS, keyWindowMs: MINUTE_MS, tasks: [], logJobs: 'none' as const },
    ...{ limiter: new RateLimiter(() => NO_DATABASE, log), longestRunMs: new Map<string, number>() },
  };
  run = beginRun(context, options, () => undefined);
  outbox = new Outbox(run);
  executor = new JobExecutor(run, outbox);
}

function claim(id: number, of: Partial<ClaimedJob> = {}, leaseMs = 20 * MINUTE_MS): Execution {
  const claimed: ClaimedJob = {
    ...{
      batch: { id: '1', size: 1_000 },
      position: id,
      place: `1/${id}`,
      id: String(id),
      fence: 1,
      type: 'work',
      queue: 'default',
      priority: 0,
      attempt: 0,
      maxAttempts: 3,
      rescues: 0,
    },
    ...{ interruptions: 0, idempotencyKey: null, createdAt: '2026-11-25T12:00:00.000000+00:00' },
    ...{ dueAt: '2026-11-25T12:00:00.000000+00:00', payload: {}, state: null, meta: null },
    ...of,
  };
  return new Execution(claimed, work, run, performance.now() + leaseMs);
}

/** Takes the jobs over from an answer that has just come. */
function take(...jobs: Execution[]): void {
  const now = performance.now();
  executor.onAnswer([], { sentAtMs: now, now });
  executor.take(jobs, now);
}

/** Waits until so many handlers are under way. */
async function started(count: number): Promise<void> {
  while (running.length < count) await new Promise<void>((resolve) => starting.push(resolve));
}

/** Lets all that is due without a timer happen: the outcome of a handler that ended takes a few turns. */
async function settled(count: number): Promise<void> {
  for (let turns = 0; outbox.size < count && turns < 100; turns++)
    await new Promise((resolve) => setImmediate(resolve));
  expect(outbox.size).toBe(count);
}

const ids = () => running.map(({ id }) => id);
const settlements = () => outbox.waiting.map(({ settlement }) => settlement);

beforeEach(async () => {
  running = [];
  starting = [];
  await loadHandler(work);
  begin();
});

describe('the executor', () => {
  test('runs no more jobs at once than its concurrency, and gives a free slot to the next of the lane', async () => {
    begin({ concurrency: 2 });
    take(claim(3), claim(1), claim(2));
    await started(2);
    expect(ids()).toEqual(['1', '2']);
    expect([executor.size, executor.freeSlots]).toEqual([3, 0]);
    running[0]?.end({ sent: 1 });
    await started(3);
    expect(ids()).toEqual(['1', '2', '3']);
    expect(settlements()).toEqual([{ to: 'completed', result: '{"sent":1}' }]);
  });

  test('starts a job that killed two functions only after Postgres has heard of it', async () => {
    const suspect = claim(1, { rescues: 2 });
    take(suspect);
    expect([executor.running.size, executor.hasUrgentUpdate]).toEqual([0, true]);
    suspect.isReported = true;
    executor.start(performance.now());
    await started(1);
    expect(executor.hasSuspect).toBe(true);
    running[0]?.end();
    await settled(1);
    expect([executor.hasSuspect, outbox.holdsSuspect]).toEqual([false, true]); // until Postgres has confirmed it
  });

  test('starts nothing while Postgres has not answered for two seconds: the queue may have been paused', () => {
    const then = performance.now() - 2_000;
    executor.onAnswer([], { sentAtMs: then, now: then });
    executor.take([claim(1)], performance.now());
    expect(executor.running.size).toBe(0);
    const now = performance.now();
    executor.onAnswer([], { sentAtMs: now, now });
    executor.start(performance.now());
    expect(executor.running.size).toBe(1);
  });

  test('reckons those two seconds from when an exchange was sent, not from when its answer came', () => {
    begin({ concurrency: 1 });
    const now = performance.now();
    executor.onAnswer([], { sentAtMs: now - 1_500, now });
    executor.take([claim(1)], now + 600); // paused in between, it would have started 2.1 s later
    expect(executor.running.size).toBe(0);
    executor.onAnswer([], { sentAtMs: now - 9_000, now: now + 700 }); // over a slow database it starts all the same
    executor.start(now + 700);
    expect(executor.running.size).toBe(1);
  });

  test('never starts a job that was cancelled while it waited, and tells one that has started meanwhile to end', async () => {
    begin({ concurrency: 1 });
    const [one, two, three] = [claim(1), claim(2), claim(3)];
    take(one, two, three);
    await started(1);
    expect(executor.held).toEqual([two, three]);
    for (const gone of [one, two]) executor.revoke(gone, performance.now());
    executor.revoke(two, performance.now()); // it is gone already
    expect(running[0]?.signal.aborted).toBe(true);
    running[0]?.end();
    await started(2);
    expect(ids()).toEqual(['1', '3']);
    expect([run.report.lost, outbox.size]).toEqual([2, 0]);
  });

  test.each([
    ['the lease may end before the job does', 30_000, {}, false],
    ['the drain ends before the job would', 20 * MINUTE_MS, { budgetMs: 10_000 }, true],
  ])('gives a job back unstarted when %s', (_, leaseMs, options, skippedForTime) => {
    begin(options);
    run.longestRunMs.set('work', 20_000);
    take(claim(1, {}, leaseMs));
    expect(executor.isEmpty).toBe(true);
    expect(settlements()).toEqual([{ to: 'give_back', interrupted: false, skippedForTime }]);
  });

  test('gives back what waits and was paused since it was claimed, and goes on with the rest', async () => {
    begin({ concurrency: 1 });
    take(claim(1), claim(2, { queue: 'mail' }), claim(3));
    expect(executor.waiting).toEqual([
      ['mail', 'work'],
      ['default', 'work'],
    ]);
    const now = performance.now();
    executor.onAnswer([['mail', 'work']], { sentAtMs: now, now });
    expect(outbox.waiting.map(({ execution }) => execution.claimed.id)).toEqual(['2']);
    expect(executor.size).toBe(2);
  });

  test('aborts a run at its timeout; one that ignores the signal keeps its slot and its lease', async () => {
    begin({ concurrency: 1 });
    take(claim(1));
    await started(1);
    const [stuck] = running;
    const startedAtMs = performance.now();
    executor.sweep(startedAtMs + 29_000);
    expect(stuck?.signal.aborted).toBe(false);
    executor.sweep(startedAtMs + 30_001);
    expect(stuck?.signal.aborted).toBe(true);
    expect(outbox.size).toBe(0); // it may still react
    executor.sweep(startedAtMs + 32_002);
    expect(outbox.waiting).toMatchObject([
      { keepLease: true, settlement: { to: 'retry', error: { name: 'TimeoutError', attempt: 1 } } },
    ]);
    expect([executor.isEmpty, executor.isIdle, executor.unresponsive]).toEqual([true, false, true]);
    stuck?.end();
    await expect.poll(() => executor.unresponsive).toBe(false); // it has ended after all: its slot is free
    expect(outbox.size).toBe(1); // and what it said then counts for nothing
  });

  test('stops: what waits goes back free, what runs is told to end and keeps its attempt', async () => {
    begin({ concurrency: 1 });
    take(claim(1), claim(2));
    await started(1);
    executor.stop('shutdown', performance.now());
    expect(running[0]?.signal.reason).toMatchObject({ message: expect.stringMatching(/shutdown$/) });
    expect(settlements()).toEqual([{ to: 'give_back', interrupted: false, skippedForTime: false }]);
    take(claim(3)); // an answer that was on its way
    expect(outbox.size).toBe(2);
    executor.abandonRunning();
    expect(settlements().at(-1)).toEqual({ to: 'give_back', interrupted: true, skippedForTime: false });
  });
});

describe('the outbox', () => {
  const done = (result: string) => ({ kind: 'completed', result }) as const;

  test('hands out no more outcomes than one exchange may carry, by number and by size', () => {
    const large = 'x'.repeat(LIMITS.exchangeBytes / 2);
    for (let n = 1; n <= 3; n++) outbox.add(claim(n), done(large), false);
    expect(outbox.take()).toHaveLength(1); // two are more than the bytes of one, with their frames
    for (let n = 4; n <= LIMITS.exchangeJobs + 10; n++) outbox.add(claim(n), done('null'), false);
    expect(outbox.take()).toHaveLength(1);
    expect(outbox.take()).toHaveLength(LIMITS.exchangeJobs);
    expect(outbox.hasUnconfirmed).toBe(true);
  });

  test('hands out an outcome that is larger than an exchange may be: it would stay for ever', () => {
    outbox.add(claim(1), done('x'.repeat(LIMITS.exchangeBytes + 1)), false);
    expect(outbox.take()).toHaveLength(1);
  });

  test('counts an outcome as unconfirmed once, although its exchange fails after the drain gave it up', () => {
    for (let n = 1; n <= 3; n++) outbox.add(claim(n), done('null'), false);
    const taken = outbox.take();
    outbox.add(claim(4), done('null'), false);
    outbox.giveUp();
    outbox.fail(taken);
    expect([run.report.unconfirmed, outbox.size, outbox.hasUnconfirmed]).toEqual([4, 0, false]);
  });

  test('settles nothing of a job that another drain holds by now', () => {
    const execution = claim(1);
    execution.abort('revoked', performance.now());
    outbox.add(execution, done('null'), false);
    expect([run.report.lost, outbox.size]).toEqual([1, 0]);
  });
});
