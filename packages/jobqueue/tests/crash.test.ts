/** Jobs that take their process with them: each convicts itself, within a stated number of deaths, and never a neighbour. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../../tests/support/database.ts';
import { programFile } from '../../../tests/support/programs.ts';
import { connect, type Database } from '../src/postgres/connect.ts';
import { createEffects, type Doomed, doomedQueue } from './doomed.ts';
import { endDrainProcesses, startDrainProcess } from './drain-process.ts';
import { CLAIM, send } from './played-exchange.ts';
import type { Fact, Orders } from './programs/drainer.ts';
import { endLeases, rows, statuses } from './support.ts';

/**
 * In company; in company again, as a rescued job; alone, as a suspect. The next claim convicts it. The last attempt is only
 * lost alone, so this holds whatever its `maxAttempts`, and no neighbour can be convicted in its place.
 */
const DEATHS_PER_POISON = 3;

let home: TestDatabase;
let database: Database;

beforeEach(async () => {
  home = await freshDatabase();
  database = connect(home.url);
  await createEffects(database);
});

afterEach(async () => {
  await endDrainProcesses();
  await database.close();
  await home.drop();
});

/** `poison` at these places of `total` jobs; returns the ids of the poison. */
async function enqueue(
  total: number,
  poison: ReadonlyMap<number, Doomed>,
  { ms = 0, maxAttempts = [] }: { ms?: number; maxAttempts?: readonly number[] } = {},
) {
  const added = await doomedQueue(database).addJobs(
    Array.from({ length: total }, (_, n) => ({
      type: 'doomed' as const,
      payload: poison.get(n) ?? { mode: 'effect' as const, n, ms },
      options: { maxAttempts: maxAttempts[n] ?? 3 },
    })),
  );
  return Array.from(poison.keys(), (n) => added[n]?.id);
}

const at = (places: readonly number[], ms?: number): ReadonlyMap<number, Doomed> =>
  new Map(places.map((n) => [n, { mode: 'abort', n, ...(ms !== undefined && { ms }) }]));

interface Story {
  deaths: number;
  readonly started: Extract<Fact, { fact: 'started' }>[];
}

/** Ticks until the table is empty; after each, the leases of the dead end. */
async function tickUntilEmpty(
  drain: Orders['drain'],
  { processes = 1, drains = 1, mostTicks = 20 } = {},
): Promise<Story> {
  const story: Story = { deaths: 0, started: [] };
  for (let tick = 1; tick <= mostTicks; tick++) {
    const children = Array.from({ length: processes }, startDrainProcess);
    for (const child of children) child.obey({ url: home.url, connection: { driver: 'postgres' }, drain, drains });
    for (const child of children) {
      const { code, signal } = await child.ended;
      if (signal === 'SIGABRT') story.deaths++;
      else expect(code).toBe(0);
      story.started.push(...child.facts.filter((fact) => fact.fact === 'started'));
    }
    if ((await rows(database, 'select from jobqueue.live_jobs limit 1')).length === 0) return story;
    await endLeases(database);
  }
  return expect.unreachable(`jobs were left after ${mostTicks} ticks: ${JSON.stringify(await statuses(database))}`);
}

interface Finished {
  readonly id: string;
  readonly status: string;
  readonly attempts: number;
  readonly crashes: readonly { code: string; fence: number; counted: boolean }[];
}

async function finished(): Promise<Finished[]> {
  return rows(
    database,
    `select id::text as id, status, attempt::int as attempts, coalesce(errors, '[]') as crashes
     from jobqueue.finished_jobs h order by h.id`,
  );
}

/** The poison is dead for good, everyone else completed, and no attempt was counted for a run that never started. */
async function expectJustice(guilty: readonly (string | undefined)[], { started }: Story): Promise<void> {
  const starts = new Set(started.map(({ id, fence }) => `${id} ${fence}`));
  const all = await finished();
  expect(all.filter(({ status }) => status === 'DEAD_LETTER').map(({ id }) => id)).toEqual(guilty);
  for (const { id, status, attempts, crashes } of all) {
    const counted = crashes.filter((crash) => crash.counted);
    for (const { fence } of counted) expect(starts).toContain(`${id} ${fence}`);
    if (status === 'DEAD_LETTER') expect(crashes.at(-1)).toMatchObject({ name: 'CrashedError', code: 'crashed' });
    else expect({ id, status, attempts }).toEqual({ id, status: 'COMPLETED', attempts: 1 + counted.length });
  }
}

test('one of 500 jobs aborts its process: 499 complete, and it is dead after three deaths', {
  timeout: 90_000,
}, async () => {
  const guilty = await enqueue(500, at([250]));
  const story = await tickUntilEmpty({ budgetMs: 60_000 });
  await expectJustice(guilty, story);
  expect(await statuses(database)).toEqual({ COMPLETED: 499, DEAD_LETTER: 1 });
  expect(story.deaths).toBe(DEATHS_PER_POISON);
});

test('three poison jobs among 100 in one batch convict themselves', { timeout: 120_000 }, async () => {
  const guilty = await enqueue(100, at([10, 12, 60]));
  const story = await tickUntilEmpty({ budgetMs: 60_000, concurrency: 20 });
  await expectJustice(guilty, story);
  expect(story.deaths).toBeLessThanOrEqual(3 * DEATHS_PER_POISON);
});

test('a job whose process dies after seconds spares its neighbours, be it on their last attempt', {
  timeout: 120_000,
}, async () => {
  const maxAttempts = [3, 1, 1];
  const guilty = await enqueue(3, at([1], 3_000), { ms: 3_500, maxAttempts });
  const story = await tickUntilEmpty({ budgetMs: 60_000 });
  await expectJustice(guilty, story);
  expect(story.deaths).toBe(DEATHS_PER_POISON);
  // their runs were reported, so each death counted, but for the last attempt: that one is only lost alone
  expect((await finished()).map(({ attempts }) => attempts)).toEqual(maxAttempts);
});

test('a drain that takes over more rescued jobs than it has slots for does not ask for them again and again', async () => {
  await enqueue(200, new Map(), { ms: 100 });
  await send(database, { claim: { ...CLAIM, limit: 200, types: { doomed: 60_000 } } });
  await endLeases(database);
  const report = await doomedQueue(database).drain({ budgetMs: 20_000, concurrency: 10, maxBatch: 10 });
  expect(report).toMatchObject({ completed: 200, rescued: 200, stopReason: 'empty' });
  expect(report.steps).toBeLessThan(200); // a slot that gets free is reason enough, time is none
});

test('poison under two drain processes at once convicts itself and no neighbour', { timeout: 120_000 }, async () => {
  const guilty = await enqueue(200, at([20, 21]), { ms: 5 });
  const story = await tickUntilEmpty({ budgetMs: 60_000 }, { processes: 2 });
  await expectJustice(guilty, story);
  expect(story.deaths).toBeLessThanOrEqual(2 * DEATHS_PER_POISON);
});

test('poison under two drains that share a process convicts itself and no neighbour', {
  timeout: 120_000,
}, async () => {
  const guilty = await enqueue(60, at([20, 21]), { ms: 20 });
  const story = await tickUntilEmpty({ budgetMs: 60_000 }, { drains: 2 });
  await expectJustice(guilty, story);
  expect(story.deaths).toBeLessThanOrEqual(2 * DEATHS_PER_POISON);
});

test('a handler that drops every promise it is given takes no process along, and hears of its own mistakes at once', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [programFile('dropper'), home.url], {
    timeout: 20_000,
  });
  expect(stdout.trim().split('\n')).toEqual(['throws at once: TypeError, QueueError', 'lost: 1']);
});
