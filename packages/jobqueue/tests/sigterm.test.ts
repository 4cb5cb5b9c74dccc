/** SIGTERM, as the platform sends it before it takes a function away: half a second to give back what was claimed. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../../tests/support/database.ts';
import { DRIVERS } from '../../../tests/support/driver-parity.ts';
import { connect, type Database } from '../src/postgres/connect.ts';
import { createEffects, type Doomed, doomedQueue } from './doomed.ts';
import { type DrainProcess, endDrainProcesses, type Network, networkFor, startDrainProcess } from './drain-process.ts';
import { rows, statuses } from './support.ts';

/**
 * The platform allows half a second between SIGTERM and the end. Here other files may have the processors just then, so four times
 * as much: what has to be told apart is a drain that waits for its handlers, which would take a minute.
 */
const GRACE_MS = 2_000;
/** Enough quick runs that a drain knows its pace and claims ahead. */
const QUICK = 20;
/** Claimed and not started. Few, because a drain claims what it ran in a second of late, which on a busy machine may be a dozen. */
const AHEAD = 8;

let home: TestDatabase;
let database: Database;
let network: Network | null = null;

beforeEach(async () => {
  home = await freshDatabase();
  database = connect(home.url);
  await createEffects(database);
});

afterEach(async () => {
  await endDrainProcesses();
  await network?.close();
  network = null;
  await database.close();
  await home.drop();
});

async function enqueue(modes: readonly Doomed['mode'][]): Promise<void> {
  await doomedQueue(database).addJobs(
    modes.map((mode, n) => ({ type: 'doomed' as const, payload: { mode, n }, options: { priority: 3 } })),
  );
}

/** The values that giving back must not change, in claim order. */
async function places(): Promise<unknown[]> {
  return rows(
    database,
    `select id::text as id, due_at, attempt, priority, rescues, errors from jobqueue.live_jobs order by priority desc, due_at, id`,
  );
}

/** Resolves once so many jobs are in the hands of drains, with their places. */
async function heldPlaces(held: number): Promise<unknown[]> {
  const leased = 'select from jobqueue.live_jobs where lease_until is not null';
  await vi.waitFor(async () => expect(await rows(database, leased)).toHaveLength(held), {
    timeout: 15_000,
    interval: 5,
  });
  return places();
}

async function terminate(child: DrainProcess): Promise<{ code: number | null; signal: string | null; tookMs: number }> {
  const sentAt = performance.now();
  child.kill('SIGTERM');
  const end = await child.ended;
  return { ...end, tookMs: performance.now() - sentAt };
}

const waiting = (modes: readonly Doomed['mode'][]) => [...Array<'effect'>(QUICK).fill('effect'), ...modes];
const DRAIN = { budgetMs: 60_000, concurrency: 2, maxBatch: 50 };

describe.each(DRIVERS)('over %s', (driver) => {
  test('SIGTERM gives back at once what had not started and what reacts, each in its place, and ends the process', async () => {
    network = await networkFor(driver, home.url);
    await enqueue(waiting(['wait', 'wait', ...Array<'effect'>(AHEAD).fill('effect')]));
    const child = startDrainProcess();
    child.obey({ ...network.way, drain: DRAIN });
    await Promise.all([QUICK, QUICK + 1].map((n) => child.tells('started', (fact) => fact.n === n)));
    const before = await heldPlaces(AHEAD + 2);

    expect(await terminate(child)).toMatchObject({ code: null, signal: 'SIGTERM', tookMs: below(GRACE_MS) });

    expect(await statuses(database)).toEqual({ COMPLETED: QUICK, PENDING: AHEAD + 2 });
    expect(await places()).toEqual(before);
    const order: number[] = [];
    const successor = doomedQueue(database, ({ payload, job }) => {
      order.push(payload.n);
      expect(job.attempt).toBe(1);
    });
    const report = await successor.drain({ budgetMs: 3_000, concurrency: 3 });
    expect(report).toMatchObject({ completed: AHEAD, givenBack: 2, rescued: 0, lost: 0 });
    expect(order.slice(0, 3)).toEqual([QUICK, QUICK + 1, QUICK + 2]);
  });
});

test('a handler that ignores SIGTERM delays nobody else, and keeps its lease for as long as it might run', async () => {
  network = await networkFor('postgres', home.url);
  await enqueue(waiting(['deaf', 'deaf', ...Array<'effect'>(AHEAD).fill('effect')]));
  const child = startDrainProcess();
  child.obey({ ...network.way, drain: DRAIN });
  await Promise.all([QUICK, QUICK + 1].map((n) => child.tells('started', (fact) => fact.n === n)));
  const before = await heldPlaces(AHEAD + 2);

  expect(await terminate(child)).toMatchObject({ signal: 'SIGTERM', tookMs: below(GRACE_MS) });

  expect(await statuses(database)).toEqual({ COMPLETED: QUICK, PENDING: AHEAD, PROCESSING: 2 });
  expect(await places()).toEqual(before);
});

test('a claim whose answer comes after SIGTERM is given back unopened', async () => {
  network = await networkFor('postgres', home.url);
  await enqueue(Array<'effect'>(10).fill('effect'));
  const child = startDrainProcess();
  await child.tells('ready');
  network.faults.latencyMs = 60; // the claim is on its way back while the signal comes
  child.obey({ ...network.way, drain: { ...DRAIN, concurrency: 10 } });
  const before = await heldPlaces(10);

  expect(await terminate(child)).toMatchObject({ signal: 'SIGTERM', tookMs: below(GRACE_MS) });

  expect(child.facts.filter(({ fact }) => fact === 'started')).toEqual([]);
  expect(await statuses(database)).toEqual({ PENDING: 10 });
  expect(await places()).toEqual(before);
});

test('a host that handles SIGTERM itself lives on, and no drain begins beside one that gives back', async () => {
  const host = vi.fn();
  process.on('SIGTERM', host);
  try {
    await enqueue(['wait', 'effect']);
    const started = vi.fn();
    const queue = doomedQueue(database, started);
    const stopping = queue.drain({ budgetMs: 20_000, concurrency: 1 });
    await vi.waitFor(() => expect(started).toHaveBeenCalled());
    process.emit('SIGTERM');
    const late = await queue.drain({ budgetMs: 20_000 });
    expect(late).toMatchObject({ stopReason: 'stopped', claimed: 0 });
    expect(await stopping).toMatchObject({ stopReason: 'stopped', claimed: 1, givenBack: 1 });
    expect(host).toHaveBeenCalledOnce();
    expect(await statuses(database)).toEqual({ PENDING: 2 });
  } finally {
    process.off('SIGTERM', host);
  }
});

function below(limit: number): unknown {
  return expect.toSatisfy((ms: number) => ms < limit, `less than ${limit} ms`);
}
