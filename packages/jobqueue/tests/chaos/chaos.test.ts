/** A small world of chaos on the server of the tests, and worlds that are broken: conservation must find each. `npm run chaos` is the large one. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { connect, type Database } from '../../src/postgres/connect.ts';
import { endLeases, rows } from '../support.ts';
import { type Account, checkConservation, type Row } from './conservation.ts';
import { type Entry, type Fact, openRecords, type Reported } from './records.ts';
import { World } from './world.ts';

/** Batches of eleven jobs or more, of every kind. */
const BATCHES = 4;
/** A job that fails twice, or waits for children that do, is due again so often. */
const MOST_ROUNDS = 8;

describe('a small world', () => {
  let home: TestDatabase;
  let database: Database;
  let world: World;
  beforeEach(async () => {
    home = await freshDatabase();
    database = connect(home.url);
    world = await World.open({ url: home.url, ask: (text) => rows(database, text) }, 3);
  });
  afterEach(async () => {
    await world.close();
    await database.close();
    await home.drop();
  });

  test('conserves its jobs although one process is killed and another loses all its sessions, and a success that is doubled is found', {
    timeout: 90_000,
  }, async () => {
    for (let n = 0; n < BATCHES; n++) await world.traffic.enqueue();
    const [doomed] = [world.startWorker({ maxBatch: 10 }), world.startWorker({ maxBatch: 10 })];
    await vi.waitFor(() => expect(new Set(world.facts().map(({ process }) => process)).size).toBe(2), {
      timeout: 30_000,
    });
    await vi.waitFor(() => expect(world.facts().filter(({ what }) => what === 'begin').length).toBeGreaterThan(10), {
      timeout: 30_000,
    });
    await world.kill(doomed);
    await world.disturb(null, 'database', async () => {
      await rows(
        database,
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      );
    });
    await world.endWorkers();

    for (let round = 1; (await rows(database, 'select from jobqueue.live_jobs')).length > 0; round++) {
      expect(round).toBeLessThanOrEqual(MOST_ROUNDS);
      await endLeases(database); // nobody runs: every lease is of somebody who is gone
      await rows(
        database,
        "update jobqueue.jobs set due_at = now() where lease_until is null and due_at < '9000-01-01'",
      );
      await world.startWorker({ untilEmpty: true, budgetMs: 20_000 }).ended;
    }
    const { violations, ended, runs } = await world.verdict({ isAtRest: true });
    expect([...world.violations, ...violations]).toEqual([]);
    expect(ended).toBeGreaterThan(BATCHES * 11 - 1);
    expect(runs).toBeGreaterThan(ended); // slices, failures, and what was killed

    const completed = (await world.account()).rows.find(
      ({ status, type }) => status === 'COMPLETED' && type === 'plain',
    );
    const { id: job = '', fence = 0, token = '' } = completed ?? {};
    const records = openRecords(world.records, 'process-1');
    records.write({ ...BEGIN, job, token, fence: fence + 1 });
    records.write({ ...END, job, fence: fence + 1 });
    records.close();
    expect((await world.verdict()).violations).toContain(
      `successes: job ${job} completed under fence ${fence} and ran again under ${fence + 1}`,
    );
  });
});

const RUN = { job: '1', fence: 1, tick: 1 } as const;
const BEGIN = { what: 'begin', ...RUN, type: 'plain', token: 'a', attempt: 1, done: 0, slot: null } as const;
const END = { what: 'end', ...RUN, outcome: 'ok', done: 0 } as const;
const REPORT: Reported = { completed: 1, unconfirmed: 0, lost: 0, stopReason: 'empty' };

/** Facts a second apart, from an instant on. */
const facts = (entries: readonly Entry[], from = 10_000): readonly Fact[] =>
  entries.map((entry, n) => ({ at: from + n * 1_000, process: 'p', ...entry }));

const row = (values: Partial<Row> = {}): Row => ({
  id: '1',
  type: 'plain',
  token: 'a',
  mode: 'ok',
  key: null,
  status: 'COMPLETED',
  fence: 1,
  finishedAt: 12_000,
  code: null,
  ...values,
});
const ask = (id: string, token: string) => ({ token, id, key: null, sentAt: 1, answeredAt: 2 });

/** One job that was accepted, ran and completed. */
const SOUND: Account = {
  asks: [ask('1', 'a')],
  flows: [],
  facts: facts([{ what: 'tick', tick: 1 }, BEGIN, END, { what: 'report', tick: 1, report: REPORT }]),
  rows: [row()],
  readAt: 1_000_000,
  disturbances: [],
  replays: [],
  pauses: [],
  isAtRest: true,
};
const TWO = { asks: [ask('1', 'a'), ask('2', 'b')], rows: [row(), row({ id: '2', token: 'b' })] };
const reporting = (report: Partial<Reported>) =>
  ({ what: 'report', tick: 1, report: { ...REPORT, ...report } }) as const;

describe('conservation', () => {
  test('holds where one job was accepted, ran once and completed', () => {
    expect(checkConservation(SOUND)).toEqual({ violations: [], repeated: 0, runs: 1, ended: 1 });
  });

  test('a success that was repeated is promised where its drain says that it was not confirmed, and nowhere else', () => {
    const twice = (unconfirmed: number): Account => ({
      ...SOUND,
      facts: [
        ...facts([BEGIN, END, reporting({ completed: 0, unconfirmed })]),
        ...facts(
          [
            { ...BEGIN, fence: 2, tick: 2 },
            { ...END, fence: 2, tick: 2 },
            { what: 'report', tick: 2, report: REPORT },
          ],
          40_000,
        ),
      ],
      rows: [row({ fence: 2 })],
    });
    expect(checkConservation(twice(1))).toMatchObject({ violations: [], repeated: 1 });
    expect(checkConservation(twice(0)).violations).toEqual([
      expect.stringMatching(/^successes: tick p 1 reports 0 unc/),
    ]);
  });

  test.each<[kind: string, what: string, broken: Partial<Account>]>([
    ['accepted', 'is nowhere', { rows: [], facts: [] }],
    ['accepted', 'nobody asked for', { asks: [] }],
    ['accepted', 'two jobs hold', { rows: [row(), row({ id: '3' })] }],
    ['one place', 'in two places', { rows: [row(), row({ status: null })] }],
    ['ended', 'never ended', { rows: [row({ status: null, fence: 1 })], facts: [] }],
    [
      'keys',
      '1 COMPLETED and 2 live hold',
      { asks: TWO.asks, rows: [row({ key: 'k' }), row({ id: '2', token: 'b', key: 'k', status: null })] },
    ],
    ['successes', 'no handler succeeded', { facts: [] }],
    ['successes', '2 completed jobs, and 1', { facts: facts([BEGIN, END, reporting({ completed: 2 })]) }],
    ['successes', '1 successes are not stored', { rows: [row({ status: null })], isAtRest: false }],
    ['successes', 'ran again under 2', { facts: [...SOUND.facts, ...facts([{ ...BEGIN, fence: 2 }], 50_000)] }],
    ['one run per fence', 'began twice', { facts: [...SOUND.facts, ...facts([BEGIN], 50_000)] }],
    ['one run per fence', 'ended twice', { facts: [...SOUND.facts, ...facts([END], 50_000)] }],
    [
      'one at a time',
      '1000 ms after it began',
      { facts: facts([BEGIN, { ...BEGIN, fence: 2 }]), rows: [row({ status: null })], isAtRest: false },
    ],
    [
      'fences',
      'before it began under 1',
      { facts: facts([{ ...BEGIN, fence: 2 }, BEGIN]), rows: [row({ status: null })], isAtRest: false },
    ],
    [
      'dead letters',
      'nothing had happened',
      { rows: [row({ status: 'DEAD_LETTER' })], facts: facts([BEGIN, { ...END, outcome: 'failed' }, reporting({})]) },
    ],
    ['reports', 'nobody ended', { facts: facts([{ what: 'tick', tick: 1 }, BEGIN, END]) }],
    [
      'reports',
      'rejected',
      {
        facts: facts([
          { what: 'tick', tick: 1 },
          BEGIN,
          END,
          { what: 'rejected', tick: 1, message: '' },
          { what: 'tick', tick: 2 },
        ]),
      },
    ],
    [
      'cancelled',
      'began under fence 1 2600 ms after it was cancelled',
      {
        rows: [row({ status: 'CANCELLED', finishedAt: 7_400 })],
        facts: facts([BEGIN, { ...END, outcome: 'cancelled' }, reporting({})]),
      },
    ],
    [
      'cancelled',
      'still ran under fence 1 2600 ms after it was cancelled',
      {
        rows: [row({ status: 'CANCELLED', finishedAt: 10_400 })],
        facts: [...facts([BEGIN]), ...facts([{ ...END, outcome: 'aborted' }, reporting({})], 13_000)],
      },
    ],
    [
      'pauses',
      'job 1 began 2600 ms after its type urgent was paused',
      {
        pauses: [{ type: 'urgent', from: 7_400, to: 11_000 }],
        facts: facts([{ ...BEGIN, type: 'urgent' }, END, reporting({})]),
        disturbances: [{ process: null, kind: 'database', from: 7_000, to: 11_000 }], // no excuse
      },
    ],
    ...(['killed', 'told to end'] as const).map((kind): [string, string, Partial<Account>] => [
      'successes',
      `2500 ms before its process was ended, and that is not stored`,
      {
        facts: [
          ...facts([{ what: 'tick', tick: 1 }, BEGIN, END]),
          ...facts(
            [
              { ...BEGIN, fence: 2, tick: 2 },
              { ...END, fence: 2, tick: 2 },
            ],
            50_000,
          ).map((fact) => ({
            ...fact,
            process: 'q',
          })),
        ],
        rows: [row({ fence: 2 })],
        disturbances: [{ process: 'p', kind, from: 14_500, to: 15_000 }],
        isAtRest: false,
      },
    ]),
    [
      'one at a time',
      '1000 ms after it began', // and the replay of another job is no excuse
      {
        facts: facts([BEGIN, { ...BEGIN, fence: 2 }]),
        rows: [row({ status: null })],
        replays: [{ at: 10_500, ids: ['2'] }],
        isAtRest: false,
      },
    ],
    [
      'flows',
      'before its child 2',
      {
        ...TWO,
        flows: [{ parent: '1', children: ['2'] }],
        facts: facts([BEGIN, END, { ...BEGIN, job: '2' }, { ...END, job: '2' }, reporting({ completed: 2 })]),
      },
    ],
    [
      'schedules',
      'the jobs 1 and 2',
      {
        ...TWO,
        facts: facts([
          { ...BEGIN, slot: '12:00' },
          END,
          { ...BEGIN, job: '2', slot: '12:00' },
          { ...END, job: '2' },
          reporting({ completed: 2 }),
        ]),
      },
    ],
    [
      'states',
      '1 steps done, after 3',
      {
        facts: [
          ...facts([{ ...BEGIN }, { what: 'saved', ...RUN, done: 3 }, { ...END, outcome: 'failed' }]),
          ...facts(
            [
              { ...BEGIN, fence: 2, tick: 2, done: 1 },
              { ...END, fence: 2, tick: 2 },
              { what: 'report', tick: 2, report: REPORT },
            ],
            50_000,
          ),
        ],
        rows: [row({ fence: 2 })],
      },
    ],
    [
      'limits',
      'more than the limit allows',
      {
        facts: Array.from(
          { length: 12 },
          (_, n): Fact => ({ ...BEGIN, job: `${n}`, type: 'limited', at: 10_000, process: 'p' }),
        ),
        isAtRest: false,
      },
    ],
  ])('%s: finds what "%s"', (kind, what, broken) => {
    const { violations } = checkConservation({ ...SOUND, ...broken });
    expect(violations).toContainEqual(expect.stringContaining(what));
    expect(violations.find((text) => text.includes(what))).toMatch(new RegExp(`^${kind}: `));
  });
});
