/** Counts per minute and type: exactly what came of the jobs, whoever drained them, whatever the network did. */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, onTestFailed, test, vi } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../../tests/support/database.ts';
import { DRIVERS } from '../../../tests/support/driver-parity.ts';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { emptied } from '../../../tests/support/empty.ts';
import type { DrainReport } from '../src/core/drain-report.ts';
import { connect, type Database } from '../src/postgres/connect.ts';
import { createEffects, doomedQueue } from './doomed.ts';
import { deadStatementsEnd, endDrainProcesses, networkFor, startDrainProcess } from './drain-process.ts';
import { send } from './played-exchange.ts';
import { emptyTables, endLeases, makeDue, queueOf, rows, witness, works } from './support.ts';

interface Counts {
  readonly completed: number;
  readonly failed: number;
  readonly dead: number;
  readonly cancelled: number;
}

/** The drains' counts, and the outcomes of the jobs. */
async function counted(database: Database): Promise<Counts & { readonly waits: number; readonly runs: number }> {
  const [sums] = await rows<Counts & { waits: number; runs: number }>(
    database,
    `select coalesce(sum(completed), 0)::int as completed, coalesce(sum(failed), 0)::int as failed, coalesce(sum(dead), 0)::int as dead,
            coalesce(sum(cancelled), 0)::int as cancelled,
            coalesce(sum((select sum(c) from unnest(waits) c)), 0)::int as waits,
            coalesce(sum((select sum(c) from unnest(runs) c)), 0)::int as runs
     from jobqueue.rollups`,
  );
  return sums as Counts & { waits: number; runs: number };
}

async function happened(database: Database): Promise<Counts> {
  const [sums] = await rows<Counts>(
    database,
    `select count(*) filter (where status = 'COMPLETED')::int as completed, count(*) filter (where status = 'DEAD_LETTER')::int as dead,
            count(*) filter (where status = 'CANCELLED')::int as cancelled,
            coalesce(sum(jsonb_array_length(errors)) filter (where status = 'DEAD_LETTER'), 0)::int
              - count(*) filter (where status = 'DEAD_LETTER')::int as failed
     from jobqueue.finished_jobs`,
  );
  return sums as Counts;
}

describeOnOneDriver('rollups', (setup) => {
  beforeEach(async () => {
    await emptyTables(setup.database);
    await rows(setup.database, emptied('jobqueue.rollups', 'jobqueue.run_times'));
    await rows(setup.database, "update jobqueue.upkeep set due_at = '-infinity'");
  });
  afterEach(() => {
    setup.faults.latencyMs = 0;
  });

  test('of four drains at once add up to what became of the jobs, with answers lost on the way', async () => {
    const { database, faults } = setup;
    const { queue } = queueOf(database);
    await queue.addJobs(works(400));
    await queue.addJobs(works(40, { mode: 'cancel' }));
    await queue.addJobs(works(40, { mode: 'fail_for_good' }));
    await queue.addJobs(works(40, { mode: 'fail' }, { maxAttempts: 2 }));
    await queue.addJobs(works(40, { mode: 'slices' }).map((job) => ({ ...job, payload: { ...job.payload, n: 2 } })));
    const others = Array.from({ length: 3 }, () => queueOf(setup.connect()).queue);
    const reports: DrainReport[] = [];
    onTestFailed(() => console.error(JSON.stringify(reports)));
    for (let round = 1; round <= 2; round++) {
      faults.latencyMs = 5;
      const lost = faults.loseAnswer('"rollups"');
      const drained = [queue, ...others].map((one) => one.drain({ budgetMs: 20_000, concurrency: 5, maxBatch: 20 }));
      reports.push(...(await Promise.all(drained)));
      await lost;
      faults.latencyMs = 0;
      await makeDue(database);
    }
    const outcomes = await happened(database);
    expect(outcomes).toEqual({ completed: 440, cancelled: 40, dead: 80, failed: 40 });
    // each run waited and ran, those of the first slices too
    expect(await counted(database)).toEqual({ ...outcomes, waits: 640, runs: 640 });
    const [{ drains } = { drains: 0 }] = await rows<{ drains: number }>(
      database,
      'select count(distinct drain)::int as drains from jobqueue.rollups',
    );
    expect(drains).toBeGreaterThan(1);
  });

  test('do not count an outcome that was lost: the job is counted by the one that settled it', async () => {
    const { database } = setup;
    const seen = witness();
    const { queue } = queueOf(database, seen);
    const successor = queueOf(setup.connect());
    await queue.addJobs(works(10));
    seen.onStart = async ({ payload }) => {
      if (payload.n !== 5) return;
      await endLeases(database); // of all that this drain holds
      await successor.queue.drain({ budgetMs: 10_000 });
    };
    const report = await queue.drain({ budgetMs: 20_000, concurrency: 10 });
    expect(report.lost).toBeGreaterThan(0);
    const outcomes = await happened(database);
    expect(outcomes.completed).toBe(10);
    expect(await counted(database)).toMatchObject({ completed: 10, waits: 10, runs: 10 });
  });

  test('of an outcome that Postgres refuses count the failure that it was recorded as', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    await queue.addJobs(works(5));
    await rows(
      database,
      `create function refuse() returns trigger language plpgsql as $$
       begin
         if get_bit(new.done, 3) = 1 then raise exception 'no' using errcode = '23514'; end if;
         return new;
       end $$`,
    );
    await rows(
      database,
      'create trigger refuse before insert on jobqueue.settlements for each row execute function refuse()',
    );
    try {
      expect(await queue.drain({ budgetMs: 10_000, limit: 5 })).toMatchObject({ completed: 4, retried: 1 });
    } finally {
      await rows(database, 'drop function refuse cascade');
    }
    expect(await counted(database)).toEqual({ completed: 4, failed: 1, dead: 0, cancelled: 0, waits: 5, runs: 5 });
  });

  test('are written by exchanges that go out anyway: one for an empty tick, and none more for a drain with work', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    expect(await queue.drain()).toMatchObject({ steps: 1, stopReason: 'empty' });
    expect(await rows(database, 'select from jobqueue.rollups')).toEqual([]);
    await queue.addJobs(works(5));
    expect(await queue.drain({ concurrency: 10 })).toMatchObject({ steps: 2, completed: 5, stopReason: 'empty' });
    expect(await counted(database)).toMatchObject({ completed: 5, waits: 5, runs: 5 });
  });

  test('of one drain, sent twice or overtaken, neither count twice nor lower a count', async () => {
    const { database } = setup;
    const id = randomUUID();
    const [{ minute } = { minute: 0 }] = await rows<{ minute: number }>(
      database,
      'select floor(extract(epoch from now()) / 60)::int as minute',
    );
    const write = (version: number, completed: number, at = minute) =>
      send(database, {
        drain: {
          id,
          step: version,
          rollups: { version, rows: [[at, 'work', completed, 0, 0, 0, 7, 9, '{0,1}', '{2}']] },
        },
      });
    await write(3, 30);
    await write(3, 30);
    await write(2, 20); // the one before, late
    await write(4, 40);
    await write(5, 50, minute - 24 * 60 - 1); // of a drain that slept for a day: pruning may have folded that minute
    expect(
      await rows(database, 'select version, completed, wait_ms, run_ms, waits, runs from jobqueue.rollups'),
    ).toEqual([{ version: 4, completed: 40, wait_ms: '7', run_ms: '9', waits: '{0,1}', runs: '{2}' }]);
  });

  test('hold how long jobs waited and ran: a retry waits from its new due time', async () => {
    const { database } = setup;
    const seen = witness();
    const { queue } = queueOf(database, seen);
    await queue.addJobs(works(1, { mode: 'fail' }));
    await rows(database, "update jobqueue.jobs set due_at = now() - interval '1 hour'");
    await queue.drain({ budgetMs: 10_000, limit: 1 });
    await rows(database, "update jobqueue.jobs set due_at = now() - interval '10 seconds'");
    seen.onStart = () => new Promise((passed) => setTimeout(passed, 200));
    await queue.drain({ budgetMs: 10_000, limit: 1 });
    const [total] = await queue.stats({ by: 'total' });
    expect(total).toMatchObject({ type: 'work', failed: 2, wait: { count: 2 }, run: { count: 2 } });
    const { wait, run } = total as { wait: { p50Ms: number; p99Ms: number }; run: { p99Ms: number } };
    expect(wait.p99Ms).toBeGreaterThan(3_600_000);
    expect(wait.p99Ms).toBeLessThan(3_600_000 * 1.5);
    expect(wait.p50Ms).toBeGreaterThan(10_000);
    expect(wait.p50Ms).toBeLessThan(60_000); // not the hour, and not from when it was enqueued
    expect(run.p99Ms).toBeGreaterThan(199);
    expect(run.p99Ms).toBeLessThan(60_000);
  });

  test('of other drains keep a long job from starting in a fresh process that has no time for it', async () => {
    const { database } = setup;
    const { queue, seen } = queueOf(database);
    await queue.addJobs(works(1, { mode: 'sleep', ms: 4_000 }));
    expect(await queue.drain({ budgetMs: 10_000 })).toMatchObject({ completed: 1 });
    await rows(database, "update jobqueue.upkeep set due_at = '-infinity'"); // a minute later
    await queue.addJobs(works(1, { mode: 'sleep', ms: 4_000 }));
    await queue.addJob('other', { mode: 'noop' });

    const fresh = queueOf(setup.connect(), seen).queue;
    const report = await fresh.drain({ budgetMs: 3_000 });
    expect(report).toMatchObject({ completed: 1, givenBack: 1, stopReason: 'deadline' });
    expect(seen.contexts.map(({ job }) => job.type)).toEqual(['work', 'other']);
    const live = await rows(database, 'select type, attempt, interruptions, passes > 0 as passed from jobqueue.jobs');
    expect(live).toEqual([{ type: 'work', attempt: 0, interruptions: 0, passed: true }]);
    expect(await queueOf(setup.connect()).queue.drain({ budgetMs: 10_000 })).toMatchObject({ completed: 1 });
  });
});

describe('a drain that was killed', () => {
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

  test.each(DRIVERS)('misses what it had not sent, and never counts twice [%s]', async (driver) => {
    const queue = doomedQueue(database);
    const JOBS = 600;
    await queue.addJobs(
      Array.from({ length: JOBS }, (_, n) => ({
        type: 'doomed' as const,
        payload: { mode: 'effect' as const, n, ms: 20 },
      })),
    );
    for (let kill = 0; kill < 3; kill++) {
      const network = await networkFor(driver, home.url);
      const child = startDrainProcess();
      child.obey({ ...network.way, drain: { budgetMs: 60_000, concurrency: 5 } });
      const before = await happened(database);
      await vi.waitFor(
        async () => expect((await happened(database)).completed).toBeGreaterThan(before.completed + 60),
        { timeout: 20_000, interval: 20 },
      );
      child.kill('SIGKILL');
      await child.ended;
      await deadStatementsEnd(database);
      await network.close();
      const outcomes = await happened(database);
      expect((await counted(database)).completed).toBeLessThanOrEqual(outcomes.completed);
      await endLeases(database);
    }
    const missed = (await happened(database)).completed - (await counted(database)).completed;
    await queue.drain({ budgetMs: 60_000, concurrency: 50 });
    const outcomes = await happened(database);
    expect(outcomes.completed).toBe(JOBS);
    expect((await counted(database)).completed).toBeGreaterThan(0);
    expect(outcomes.completed - (await counted(database)).completed).toBeLessThanOrEqual(missed);
    expect((await counted(database)).completed).toBeLessThanOrEqual(JOBS);
  });

  test('three times by one job: its dead letter is counted, once', async () => {
    const queue = doomedQueue(database);
    await queue.addJob('doomed', { mode: 'abort', n: 0 });
    for (let death = 0; death < 3; death++) {
      const child = startDrainProcess();
      child.obey({ url: home.url, connection: { driver: 'postgres' }, drain: { budgetMs: 60_000 } });
      await child.ended;
      await deadStatementsEnd(database);
      await endLeases(database);
    }
    expect(await queue.drain({ budgetMs: 10_000 })).toMatchObject({ deadLettered: 1 });
    expect(await queue.drain({ budgetMs: 10_000 })).toMatchObject({ deadLettered: 0 });
    expect(await counted(database)).toMatchObject({ completed: 0, dead: 1 });
  });
});
