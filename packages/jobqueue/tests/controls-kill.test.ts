/** Drains and operators that are killed in the middle of a cancel or a replay: nothing is lost, nothing runs twice, the same call does the rest. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../../tests/support/database.ts';
import { DRIVERS } from '../../../tests/support/driver-parity.ts';
import { programFile } from '../../../tests/support/programs.ts';
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
import type { OperatorOrders } from './programs/operator.ts';
import { endLeases, rows, statuses } from './support.ts';

const ANN = { actor: 'ann' };
const JOBS = 1_600;

let home: TestDatabase;
let database: Database;
let operators: ChildProcess[];
let networks: Network[];

beforeEach(async () => {
  home = await freshDatabase();
  database = connect(home.url);
  operators = [];
  networks = [];
  await createEffects(database);
});

afterEach(async () => {
  for (const operator of operators) operator.kill('SIGKILL');
  await endDrainProcesses();
  for (const network of networks) await network.close();
  await database.close();
  await home.drop();
});

async function networkOf(driver: (typeof DRIVERS)[number]): Promise<Network> {
  const network = await networkFor(driver, home.url);
  networks.push(network);
  return network;
}

function startOperator({ way }: Network, does: OperatorOrders['does'], slicesBeforeHanging: number): ChildProcess {
  const orders: OperatorOrders = { ...way, does, slicesBeforeHanging };
  const operator = spawn(process.execPath, [programFile('operator'), JSON.stringify(orders)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  operators.push(operator);
  return operator;
}

/** Resolves when the operator has told of so many slices. */
async function slicesTold({ stdout }: ChildProcess, count: number): Promise<void> {
  let told = '';
  for await (const chunk of stdout ?? []) {
    told += chunk;
    if (told.split('\n').length > count) return;
  }
  throw new Error(`the operator ended after '${told}'`);
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'close');
  child.kill('SIGKILL');
  await ended;
}

async function bury(count: number): Promise<void> {
  await rows(
    database,
    `insert into jobqueue.job_history (id, status, created_at, due_at, finished_at, fence, attempt, max_attempts, priority, queue, type, payload, errors)
     select nextval('jobqueue.jobs_id_seq'), 'DEAD_LETTER', now(), now(), now() - interval '1 hour', 1, 3, 3, 0, 'default', 'doomed',
            jsonb_build_object('mode', 'effect', 'n', n, 'ms', 2), '[{"name": "Error", "message": "down", "attempt": 3, "fence": 1}]'
     from generate_series(0, $1 - 1) n`,
    count,
  );
}

/** Kills each drain as soon as it has started so many jobs. */
async function killAmidWork(children: readonly DrainProcess[], starts: number): Promise<void> {
  await Promise.all(
    children.map(async (child) => {
      await vi.waitFor(() => expect(child.facts.length).toBeGreaterThan(starts), { timeout: 30_000, interval: 2 });
      child.kill('SIGKILL');
      await child.ended;
    }),
  );
}

const startsOf = (children: readonly DrainProcess[]) =>
  children.flatMap(({ facts }) =>
    facts.flatMap((fact) => (fact.fact === 'started' ? [`${fact.id}/${fact.fence}`] : [])),
  );

/** Every job stands in exactly one table, no fence ran twice, and each completed job has the effect of the run that counted. */
async function expectIntact(children: readonly DrainProcess[], total: number): Promise<void> {
  const starts = startsOf(children);
  expect(new Set(starts).size).toBe(starts.length);
  const [counts] = await rows<Record<string, number>>(
    database,
    `select (select count(*) from jobqueue.jobs)::int as live, (select count(*) from jobqueue.finished_jobs)::int as finished,
            (select count(*) from jobqueue.jobs join jobqueue.finished_jobs using (id))::int as both,
            (select count(*) from jobqueue.finished_jobs h where status = 'COMPLETED'
               and not exists (select from effects e where e.job_id = h.id and e.fence = h.fence))::int as without_effect`,
  );
  expect(counts).toEqual({ live: 0, finished: total, both: 0, without_effect: 0 });
}

describe.each(DRIVERS)('over %s', (driver) => {
  test('drains killed while an operator cancels: each job ends once, cancelled or completed', {
    timeout: 120_000,
  }, async () => {
    const network = await networkOf(driver);
    const queue = doomedQueue(database);
    await queue.addJobs(
      Array.from({ length: JOBS }, (_, n) => ({
        type: 'doomed' as const,
        payload: { mode: 'effect' as const, n, ms: 2 },
        options: { queue: n % 2 ? 'stays' : 'goes' },
      })),
    );
    const children = Array.from({ length: 3 }, startDrainProcess);
    for (const child of children)
      child.obey({ ...network.way, drain: { budgetMs: 60_000, concurrency: 5, maxBatch: 20 } });
    await vi.waitFor(() => expect(startsOf(children).length).toBeGreaterThan(10), { timeout: 30_000, interval: 2 });
    const [report] = await Promise.all([
      queue.cancel({ queue: 'goes' }, { ...ANN, reason: 'wrong template' }),
      ...children.map(async (child) => {
        child.kill('SIGKILL');
        await child.ended;
      }),
    ]);
    await deadStatementsEnd(database);
    await endLeases(database);
    const rest = await queue.cancel({ queue: 'goes' }, { ...ANN, reason: 'wrong template' });
    await queue.drain({ budgetMs: 60_000, concurrency: 20 });

    expect(report.done).toBe(true);
    expect(rest).toMatchObject({ changed: 0, done: true });
    await expectIntact(children, JOBS);
    const { CANCELLED = 0, COMPLETED = 0 } = await statuses(database);
    expect(CANCELLED).toBe(report.changed);
    expect(CANCELLED + COMPLETED).toBe(JOBS);
    expect(
      await rows(database, `select from jobqueue.finished_jobs where queue = 'stays' and status = 'CANCELLED'`),
    ).toEqual([]);
  });

  test('drains killed while they replay: each dead letter comes back once, and completes', {
    timeout: 120_000,
  }, async () => {
    const network = await networkOf(driver);
    const queue = doomedQueue(database);
    await bury(JOBS);
    await queue.replay({ type: 'doomed' }, { ...ANN, perMinute: 10_000 });
    await rows(
      database,
      `update jobqueue.replays set budget_from = now() - interval '5 seconds', started_at = started_at - interval '1 minute'`,
    );

    // One dies with a portion that Postgres has moved, but nobody has told it so; the others amid the jobs of their portions.
    const moved = network.faults.loseAnswer('jobqueue.replays_2($1::jsonb) as', { silently: true });
    const first = startDrainProcess();
    first.obey({ ...network.way, drain: { budgetMs: 60_000, concurrency: 5 } });
    await moved;
    first.kill('SIGKILL');
    await first.ended;
    expect((await queue.replays())[0]?.replayed).toBeGreaterThan(0);
    const others = Array.from({ length: 3 }, startDrainProcess);
    for (const child of others)
      child.obey({ ...network.way, drain: { budgetMs: 60_000, concurrency: 5, maxBatch: 20 } });
    await killAmidWork(others, 20);
    await deadStatementsEnd(database);

    for (let tick = 0; tick < 5; tick++) {
      await endLeases(database);
      await rows(
        database,
        `update jobqueue.replays set budget_from = now() - interval '1 minute', looked_at = '-infinity'`,
      );
      await queue.drain({ budgetMs: 60_000, concurrency: 20 });
    }
    await expectIntact([first, ...others], JOBS);
    expect(await statuses(database)).toEqual({ COMPLETED: JOBS });
    // A run that was reported and died with its drain is a failed attempt, here as everywhere.
    const crashed = `select id from jobqueue.finished_jobs where errors @? '$[*] ? (@.fence > 2 && @.counted == true)'`;
    const failed = (await rows(database, crashed)).length;
    expect((await queue.replays())[0]).toMatchObject({
      state: 'finished',
      replayed: JOBS,
      undecided: 0,
      failed,
      completed: JOBS - failed,
    });
  });

  test('a slice that is under way when its operator dies counts whole or not at all', { timeout: 60_000 }, async () => {
    const network = await networkOf(driver);
    const queue = doomedQueue(database);
    await queue.addJobs(
      Array.from({ length: 700 }, (_, n) => ({ type: 'doomed' as const, payload: { mode: 'effect' as const, n } })),
    );
    await database.transaction(async (tx) => {
      await tx.execute({ text: 'lock table jobqueue.job_history in share mode', params: [] });
      const operator = startOperator(network, 'cancel', 1);
      const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      await vi.waitFor(async () => expect(await rows(database, waiting)).not.toEqual([]), { timeout: 15_000 });
      await kill(operator);
    });
    await deadStatementsEnd(database);
    const { CANCELLED = 0 } = await statuses(database);
    expect([0, 500]).toContain(CANCELLED);
    expect(await queue.cancel({ type: 'doomed' }, { ...ANN, reason: 'again' })).toMatchObject({
      changed: 700 - CANCELLED,
      done: true,
    });
    expect(await statuses(database)).toEqual({ CANCELLED: 700 });
  });

  test.each(['cancel', 'replay', 'reprioritise'] as const)(
    'an operator killed between two slices of a %s: the same call does the rest',
    { timeout: 60_000 },
    async (does) => {
      const network = await networkOf(driver);
      const queue = doomedQueue(database);
      if (does === 'replay') await bury(1_700);
      else
        await queue.addJobs(
          Array.from({ length: 1_700 }, (_, n) => ({
            type: 'doomed' as const,
            payload: { mode: 'effect' as const, n },
          })),
        );
      const operator = startOperator(network, does, 2);
      await slicesTold(operator, 2);
      await kill(operator);
      await deadStatementsEnd(database);
      const again = {
        cancel: () => queue.cancel({ type: 'doomed' }, { ...ANN, reason: 'wrong template' }),
        replay: () => queue.replay({ type: 'doomed' }, ANN),
        reprioritise: () => queue.setPriority({ type: 'doomed' }, { ...ANN, priority: 9 }),
      }[does];
      expect(await again()).toMatchObject({ changed: 700, skipped: 0, done: true });
      const log = (await queue.auditLog()).map(({ action, details }) => [
        action,
        (details as { changed?: number }).changed,
      ]);
      expect(log).toEqual([
        [`${does}.done`, 700],
        [does, undefined],
        [does, undefined], // the dead one's: it began, and never told an end
      ]);
      const ends = { cancel: { CANCELLED: 1_700 }, replay: { PENDING: 1_700 }, reprioritise: { PENDING: 1_700 } }[does];
      expect(await statuses(database)).toEqual(ends);
    },
  );
});
