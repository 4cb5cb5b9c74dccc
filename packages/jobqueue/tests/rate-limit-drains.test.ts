/** Rate limits under eight drains at once, half of them in processes of their own, some of them killed: never above the rate. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../../tests/support/database.ts';
import { programFile } from '../../../tests/support/programs.ts';
import type { DrainReport, Limit, QueueError, TokenAnswer } from '../src/index.ts';
import { connect, type Database } from '../src/postgres/connect.ts';
import { deadStatementsEnd } from './drain-process.ts';
import {
  createUses,
  excess,
  type LimitedType,
  limitedQueue,
  type SendContext,
  sends,
  type Use,
  uses,
} from './limited.ts';
import type { SenderFact, SenderOrders } from './programs/sender.ts';
import { endLeases, rows, statuses } from './support.ts';

let home: TestDatabase;
let databases: Database[];
let senders: Sender[];

beforeEach(async () => {
  home = await freshDatabase();
  databases = Array.from({ length: 4 }, () => connect(home.url));
  senders = [];
  await createUses(first());
});

afterEach(async () => {
  for (const sender of senders) sender.kill();
  await Promise.all(senders.map(({ ended }) => ended));
  await Promise.all(databases.map((database) => database.close()));
  await home.drop();
});

const first = () => databases[0] as Database;

interface Sender {
  readonly ready: Promise<void>;
  readonly report: Promise<DrainReport | null>;
  readonly ended: Promise<unknown>;
  obey(orders: SenderOrders): void;
  kill(): void;
}

/** A process that is ready to drain when it is told to. */
function startSender(): Sender {
  const child = spawn(process.execPath, [programFile('limitedSender')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const lines = createInterface({ input: child.stdout });
  child.stdin.on('error', () => undefined); // killed before it read its orders
  const fact = <Name extends SenderFact['fact']>(name: Name) =>
    new Promise<Extract<SenderFact, { fact: Name }> | null>((resolve) => {
      lines.on('line', (line) => {
        const told = JSON.parse(line) as SenderFact;
        if (told.fact === name) resolve(told as Extract<SenderFact, { fact: Name }>);
      });
      void ended.then(() => resolve(null));
    });
  const sender: Sender = {
    ready: fact('ready').then(() => undefined),
    report: fact('drained').then((told) => told?.report ?? null),
    ended,
    obey: (orders) => child.stdin.write(`${JSON.stringify(orders)}\n`),
    kill: () => child.kill('SIGKILL'),
  };
  senders.push(sender);
  return sender;
}

async function startSenders(): Promise<Sender[]> {
  const started = Array.from({ length: 4 }, startSender);
  await Promise.all(started.map(({ ready }) => ready));
  return started;
}

/** Four drains here, each with connections of its own, and four in other processes. */
async function drainByEight(limit: Limit, budgetMs: number): Promise<DrainReport[]> {
  const others = await startSenders();
  for (const other of others) other.obey({ url: home.url, limit, drain: { budgetMs } });
  const here = databases.map((database) => limitedQueue(database, { limit }).drain({ budgetMs }));
  const reports = await Promise.all([...here, ...others.map(({ report }) => report)]);
  return reports.filter((report) => report !== null);
}

const sum = (reports: readonly DrainReport[], of: 'claimed' | 'completed' | 'lost' | 'retried') =>
  reports.reduce((total, report) => total + report[of], 0);

/**
 * Checks uses by the instants at which handlers had their tokens, without tolerance. By Postgres' clock it allows the duration of
 * the slowest statement, because a use is recorded by a statement after it.
 */
function expectWithin(limit: Limit, used: readonly Use[]): void {
  expect(
    excess(
      used.map(({ used_ms }) => used_ms),
      limit,
    ),
  ).toBeLessThanOrEqual(0);
  const slowestMs = Math.max(...used.map(({ at_ms, used_ms }) => at_ms - used_ms));
  const longer = { ...limit, burst: limit.burst + (limit.perSecond * slowestMs) / 1000 };
  expect(
    excess(
      used.map(({ at_ms }) => at_ms),
      longer,
    ),
  ).toBeLessThanOrEqual(0);
}

/** The reason of each failed attempt. */
const failures = () =>
  rows(
    first(),
    `select id::text, errors from jobqueue.jobs where errors is not null
     union all select id::text, errors from jobqueue.finished_jobs where errors is not null`,
  );

/** Tokens that the limit allowed between the first and the last use. */
function allowed({ perSecond, burst }: Limit, used: readonly Use[]): number {
  const tookMs = (used.at(-1)?.used_ms ?? 0) - (used[0]?.used_ms ?? 0);
  return burst + (perSecond * tookMs) / 1000;
}

/** Tokens that drains use up however busy the machine is: the bucket keeps those of four seconds. With less, whoever is late loses some. */
const UNHURRIED: Limit = { perSecond: 2, burst: 8 };

test.each<[LimitedType, Limit, number]>([
  ['asks', { perSecond: 40, burst: 20 }, 300],
  ['keyed', { perSecond: 40, burst: 20 }, 300],
  ['typed', { perSecond: 40, burst: 20 }, 300],
  ['asks', { perSecond: 2, burst: 1 }, 15],
  ['asks', UNHURRIED, 20],
  ['typed', UNHURRIED, 20],
])(
  'eight drains of %s at %o use no token too many, and most that there are',
  { timeout: 120_000 },
  async (type, limit, jobs) => {
    const queue = limitedQueue(first(), { limit });
    await queue.addJobs(sends(type, jobs));
    const reports = await drainByEight(limit, 60_000);
    expect(await failures()).toEqual([]);
    expect(sum(reports, 'completed')).toBe(jobs);
    expect(sum(reports, 'lost') + sum(reports, 'retried')).toBe(0);
    const used = await uses(first());
    expect(used.map(({ n }) => n).sort((a, b) => a - b)).toEqual(Array.from({ length: jobs }, (_, n) => n)); // each once
    expect(used.every(({ attempt }) => attempt === 1)).toBe(true);
    expectWithin(limit, used);
    if (limit === UNHURRIED) expect(used.length / allowed(limit, used)).toBeGreaterThan(0.7);
    // No job goes round in circles: it comes back when it should get a token, of which a busy machine loses more, and so takes longer.
    expect(sum(reports, 'claimed')).toBeLessThanOrEqual(4 * Math.max(jobs, allowed(limit, used)));
  },
);

test('a handler that serves many people takes a token of each who has one, and goes on without the others', async () => {
  const limit = { perSecond: 0.01, burst: 1 };
  const answers: (readonly TokenAnswer[])[] = [];
  const refusals: unknown[] = [];
  const buckets = (...keys: string[]) => keys.map((key) => ({ key, ...limit }));
  const ask = async ({ rateLimit }: SendContext) => {
    answers.push(await rateLimit.takeTokens(buckets('a', 'b')), await rateLimit.takeTokens(buckets('c', 'b', 'a')));
    for (const wrong of [
      buckets('a', 'a'),
      buckets(''),
      Array.from({ length: 101 }, (_, n) => ({ key: `${n}`, ...limit })),
    ])
      try {
        void rateLimit.takeTokens(wrong);
      } catch (error) {
        refusals.push((error as QueueError).code);
      }
    answers.push(await rateLimit.takeTokens([]));
  };
  const queue = limitedQueue(first(), { limit, ask });
  await queue.addJobs(sends('asks', 1));
  expect(await queue.drain()).toMatchObject({ completed: 1, givenBack: 0 });
  const later = { taken: false, retryInMs: expect.toSatisfy((ms: number) => ms > 90_000 && ms <= 101_000) };
  expect(answers).toEqual([
    [expect.objectContaining({ key: 'a', taken: true }), expect.objectContaining({ key: 'b', taken: true })],
    [expect.objectContaining({ key: 'c', taken: true }), { key: 'b', ...later }, { key: 'a', ...later }],
    [],
  ]);
  expect(refusals).toEqual(['option_invalid', 'option_invalid', 'option_invalid']);
  expect(await queue.takeToken('a', limit)).toBe(false); // the same buckets as everybody's
});

test('several keys at once each keep their own limit', { timeout: 60_000 }, async () => {
  const limit = { perSecond: 10, burst: 4 };
  const queue = limitedQueue(first(), { limit });
  const keys = ['a', 'b', 'c', 'd', 'e'];
  await queue.addJobs(keys.flatMap((key) => [...sends('asks', 10, key), ...sends('keyed', 10, key)]));
  const reports = await drainByEight(limit, 40_000);
  expect(sum(reports, 'completed')).toBe(100);
  const used = await uses(first());
  for (const key of keys)
    expectWithin(
      limit,
      used.filter((use) => use.key === key),
    );
});

test('drains that are killed with tokens in hand only lose them', { timeout: 120_000 }, async () => {
  const limit = { perSecond: 40, burst: 20 };
  const queue = limitedQueue(first(), { limit });
  await queue.addJobs(sends('asks', 200));
  const doomed = await startSenders();
  for (const sender of doomed)
    sender.obey({ url: home.url, limit, drain: { budgetMs: 60_000, concurrency: 5, maxBatch: 5 } });
  for (const [n, sender] of doomed.entries()) {
    const enough = 10 + n * 15;
    await vi.waitFor(async () => expect((await uses(first())).length).toBeGreaterThanOrEqual(enough), {
      timeout: 30_000,
      interval: 5,
    });
    sender.kill();
    await sender.ended;
  }
  await deadStatementsEnd(first());
  await endLeases(first());
  const reports = await Promise.all(
    databases.map((database) => limitedQueue(database, { limit }).drain({ budgetMs: 40_000 })),
  );
  expect(sum(reports, 'lost')).toBe(0);
  expect(await statuses(first())).toEqual({ COMPLETED: 200 });
  expectWithin(limit, await uses(first()));
});

test('a remote system that says «not before» stops all eight, and all go on after it', {
  timeout: 60_000,
}, async () => {
  const limit = { perSecond: 50, burst: 50 };
  const others = await startSenders();
  const blockMs = 5_000;
  let beganMs = 0;
  let blockedAtMs = 0;
  const block = async ({ rateLimit, payload }: SendContext) => {
    beganMs = performance.timeOrigin + performance.now();
    await rateLimit.blockUntil(payload.key, { delayMs: blockMs });
    blockedAtMs = performance.timeOrigin + performance.now();
  };
  await limitedQueue(first(), { limit }).addJobs(sends('asks', 300));
  for (const other of others) other.obey({ url: home.url, limit, drain: { budgetMs: 100_000, queue: 'default' } });
  const here = databases.map((database) =>
    limitedQueue(database, { limit }).drain({ budgetMs: 100_000, queue: 'default' }),
  );
  await vi.waitFor(async () => expect((await uses(first())).length).toBeGreaterThan(60), {
    timeout: 20_000,
    interval: 5,
  });
  await saying(block);
  const reports = await Promise.all([...here, ...others.map(({ report }) => report)]);
  expect(
    sum(
      reports.filter((report) => report !== null),
      'completed',
    ),
  ).toBe(300);
  const used = await uses(first());
  const during = used.filter(({ used_ms }) => used_ms > blockedAtMs + 600 && used_ms < beganMs + blockMs);
  expect(during).toEqual([]);
  expect(used.some(({ used_ms }) => used_ms > beganMs + blockMs)).toBe(true);
  expectWithin(limit, used);
});

/** Lets a job of its own say it, beside the drains that work. */
async function saying(block: (context: SendContext) => Promise<void>): Promise<void> {
  const queue = limitedQueue(first(), { limit: { perSecond: 1, burst: 1 }, ask: block });
  await queue.addJobs([{ type: 'asks', payload: { key: 'k', n: -1 }, options: { queue: 'said', priority: 10 } }]);
  await queue.drain({ queue: 'said', budgetMs: 5_000 });
}
