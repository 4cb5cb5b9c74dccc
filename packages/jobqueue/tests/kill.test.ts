/** Drain processes that are killed with SIGKILL, wherever it hurts: nothing is lost, nothing settles twice, no attempt is burned. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../../tests/support/database.ts';
import { DRIVERS, type DriverName } from '../../../tests/support/driver-parity.ts';
import { connect, type Database } from '../src/postgres/connect.ts';
import { createEffects, doomedQueue } from './doomed.ts';
import {
  type DrainProcess,
  deadStatementsEnd,
  endDrainProcesses,
  type Network,
  networkFor,
  startDrainProcess,
} from './drain-process.ts';
import type { Orders } from './programs/drainer.ts';
import { endLeases, rows, statuses } from './support.ts';

const KILLS = 50;
/** A second of start-up each, on two cores. */
const AT_ONCE = 3;
/** More than all the killed drains together can hold: at most 20 that ended and 27 in hand or claimed ahead. */
const JOBS = KILLS * 50;

const POINTS = [
  'between claim and start',
  'as a run starts',
  'during a run that was reported',
  'between run and settle',
  'after settle was sent',
] as const;

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

interface Kill {
  readonly point: (typeof POINTS)[number];
  readonly driver: DriverName;
  readonly drain: Required<Orders['drain']>;
  readonly runsBefore: number;
}

/** Every point with every driver, then as chance will have it. */
function plan(random: () => number): Kill[] {
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T;
  const all = Array.from(
    { length: KILLS },
    (_, n): Kill => ({
      point: POINTS[n % POINTS.length] as Kill['point'],
      driver: n < POINTS.length * DRIVERS.length ? (DRIVERS[n % DRIVERS.length] as DriverName) : pick(DRIVERS),
      drain: { budgetMs: 60_000, concurrency: pick([1, 3, 7]), maxBatch: pick([1, 5, 10]) },
      runsBefore: Math.floor(random() * 20),
    }),
  );
  return all
    .map((kill) => ({ kill, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ kill }) => kill);
}

/** Completed jobs travel as an array for each batch. */
const settlesCompleted = (request: string) => request.includes('step_2') && /\{\{\d/.test(request);

/** Brings the process to the point, and resolves there. */
async function reach({ point, drain, runsBefore }: Kill, child: DrainProcess, network: Network): Promise<void> {
  const { faults, way } = network;
  const orders = { ...way, drain };
  switch (point) {
    case 'between claim and start': {
      const claimed = faults.loseAnswer('step_2', { silently: true });
      child.obey(orders);
      return claimed;
    }
    case 'as a run starts':
      child.obey({ ...orders, runsBeforeHanging: runsBefore });
      await child.tells('started', ({ hangs }) => hangs);
      return;
    case 'during a run that was reported': {
      child.obey({ ...orders, runsBeforeHanging: runsBefore });
      const { id, fence } = await child.tells('started', ({ hangs }) => hangs);
      return isReported(id, fence);
    }
    case 'between run and settle':
      child.obey({ ...orders, withholdsOutcomes: true });
      await child.tells('withheld');
      return;
    case 'after settle was sent': {
      const settled = faults.loseAnswer(settlesCompleted, { silently: true });
      child.obey(orders);
      return settled;
    }
  }
}

/** A started job is reported with the next step, at most two seconds later. */
function isReported(id: string, fence: number): Promise<void> {
  const reported = 'select from jobqueue.live_jobs where id = $1 and fence = $2 and started';
  return vi.waitFor(async () => expect(await rows(database, reported, id, fence)).toHaveLength(1), {
    timeout: 15_000,
    interval: 50,
  });
}

interface Run {
  readonly id: string;
  readonly fence: number;
}
const nameOf = ({ id, fence }: Run) => `job ${id} under fence ${fence}`;

async function killAll(kills: readonly Kill[]): Promise<Run[]> {
  const started: Run[] = [];
  const left = [...kills];
  const worker = async () => {
    for (let kill = left.pop(); kill; kill = left.pop()) {
      const child = startDrainProcess();
      const network = await networkFor(kill.driver, home.url);
      try {
        await reach(kill, child, network);
        child.kill('SIGKILL');
        await child.ended;
      } finally {
        await network.close();
      }
      started.push(...child.facts.filter((fact) => fact.fact === 'started'));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  await deadStatementsEnd(database);
  return started;
}

/** Runs that Postgres knew as running, without an outcome: exactly these cost an attempt. */
async function reportedRuns(): Promise<Run[]> {
  return rows(
    database,
    'select id::text as id, fence from jobqueue.live_jobs where lease_until is not null and started',
  );
}

interface Finished {
  readonly id: string;
  readonly status: string;
  readonly fence: number;
  readonly attempts: number;
  readonly crashes: readonly { code: string; fence: number; counted: boolean }[];
}

const FINISHED = `select id::text as id, status, fence, attempt::int as attempts, coalesce(errors, '[]') as crashes
  from jobqueue.finished_jobs`;

test('50 drains killed anywhere lose no job, settle none twice and burn no attempt', { timeout: 240_000 }, async () => {
  const seed = Number(process.env.KILL_SEED ?? Date.now() % 2 ** 31);
  console.log(`KILL_SEED=${seed}`);
  const kills = plan(seeded(seed));
  const observer = doomedQueue(database, ({ job }) => void started.push({ id: job.id, fence: job.fence }));
  await observer.addJobs(
    Array.from({ length: JOBS }, (_, n) => ({ type: 'doomed' as const, payload: { mode: 'effect' as const, n } })),
  );

  // Two rounds, so that jobs of the first lose a second lease; at the third a job is taken for the culprit, and rightly so.
  const started: Run[] = [];
  const reported: Run[] = [];
  for (const round of [kills.slice(0, KILLS / 2), kills.slice(KILLS / 2)]) {
    started.push(...(await killAll(round)));
    reported.push(...(await reportedRuns()));
    await endLeases(database);
  }
  const report = await observer.drain({ budgetMs: 120_000, concurrency: 20 });

  expect(report).toMatchObject({ stopReason: 'empty', lost: 0, retried: 0, deadLettered: 0 });
  expect(report.rescued).toBeGreaterThan(0);
  expect(await statuses(database)).toEqual({ COMPLETED: JOBS });
  const finished = await rows<Finished>(database, FINISHED);
  const starts = started.map(nameOf);
  expect(new Set(starts).size).toBe(starts.length); // no fence ran twice
  const counted = finished.flatMap(({ id, crashes }) =>
    crashes.filter((crash) => crash.counted).map(({ fence }) => nameOf({ id, fence })),
  );
  expect(counted.length).toBeGreaterThanOrEqual(KILLS / POINTS.length);
  expect(counted.sort()).toEqual([...new Set(reported.map(nameOf))].sort()); // what nobody took again stood there in both rounds
  expect(starts).toEqual(expect.arrayContaining(counted));
  for (const { id, attempts, crashes, fence } of finished) {
    expect(crashes.every(({ code }) => code === 'crashed')).toBe(true);
    expect({ id, attempts }).toEqual({ id, attempts: 1 + crashes.filter((crash) => crash.counted).length });
    expect(starts).toContain(nameOf({ id, fence })); // the outcome is that of a run which we saw
  }
  const withoutEffect = `select from jobqueue.finished_jobs h
    where not exists (select from effects e where e.job_id = h.id and e.fence = h.fence)`;
  expect(await rows(database, withoutEffect)).toEqual([]);
});

describe.each(DRIVERS)('over %s', (driver) => {
  test('a settle that is under way when its process dies counts once or not at all', async () => {
    const queue = doomedQueue(database);
    await queue.addJobs(
      Array.from({ length: 10 }, (_, n) => ({ type: 'doomed' as const, payload: { mode: 'effect' as const, n } })),
    );
    const network = await networkFor(driver, home.url);
    // Pruning deletes there too: were it due, the first exchange would wait with that, before it has claimed anything.
    await rows(database, "update jobqueue.upkeep set due_at = now() + interval '1 hour'");
    await database.transaction(async (tx) => {
      await tx.execute({ text: 'lock table jobqueue.settlements in share mode', params: [] });
      const child = startDrainProcess();
      child.obey({ ...network.way, drain: { budgetMs: 60_000, concurrency: 10 } });
      const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      await vi.waitFor(async () => expect(await rows(database, waiting)).not.toEqual([]), { timeout: 15_000 });
      child.kill('SIGKILL');
      await child.ended;
    });
    await deadStatementsEnd(database);
    await network.close();

    const { COMPLETED = 0, PROCESSING = 0 } = await statuses(database);
    expect(COMPLETED + PROCESSING).toBe(10);
    await endLeases(database);
    const report = await queue.drain({ budgetMs: 20_000 });
    expect(report).toMatchObject({ completed: PROCESSING, rescued: PROCESSING, lost: 0 });
    expect(await statuses(database)).toEqual({ COMPLETED: 10 });
  });
});

/** mulberry32: small, and the same everywhere, so that a seed repeats a failure. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
