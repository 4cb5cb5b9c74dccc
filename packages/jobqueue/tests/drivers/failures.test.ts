/** Errors of a driver; the next statement succeeds. */
import pg from 'pg';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { shorten } from '../../../../tests/support/deadlines.ts';
import { describeEachDriver } from '../../../../tests/support/drivers.ts';
import { emptied } from '../../../../tests/support/empty.ts';
import { ConnectionError, connect } from '../../src/postgres/connect.ts';

/** Far longer than any timeout here; the server finishes it although its client has gone. */
const SLEEP = { text: 'select pg_sleep(3)', params: [] };
const SELECT_1 = { text: 'select 1 as one', params: [] };

describeEachDriver(
  'failures',
  (setup) => {
    /** Another way to the same database, past all faults. */
    const directly = async (text: string, params: unknown[] = []): Promise<Record<string, unknown>[]> => {
      const client = new pg.Client(setup.directUrl);
      await client.connect();
      try {
        return (await client.query(text, params)).rows;
      } finally {
        await client.end();
      }
    };
    const expectWorks = async () => expect(await setup.database.execute(SELECT_1)).toEqual([{ one: 1 }]);
    const expectUnknown = async (outcome: Promise<unknown>) => {
      const error = await outcome.then(
        () => expect.unreachable('it resolved'),
        (error: unknown) => error,
      );
      expect(error).toBeInstanceOf(ConnectionError);
      expect((error as { code?: unknown }).code).toBeUndefined();
      return error as ConnectionError;
    };

    beforeAll(async () => {
      await setup.database.execute({
        text: 'create table entries (n int constraint entries_are_unique unique)',
        params: [],
      });
    });
    beforeEach(() => directly(emptied('entries')));
    afterEach(() => {
      setup.faults.latencyMs = 0;
      setup.faults.refuseConnections(false);
    });

    test.each([
      ['42601', 'selec 1', []],
      ['42P01', 'select * from no_such_table', []],
      ['22P02', 'select $1::int', ['x']],
      ['22012', 'select 1 / $1::int', [0]],
      ['22021', 'select $1::text', ['a\0b']],
      ['40P01', "do $$ begin raise exception 'deadlock' using errcode = '40P01'; end $$", []],
      ['P0001', "do $$ begin raise exception 'mine'; end $$", []],
    ])('an error of Postgres keeps its SQLSTATE: %s', async (code, text, params) => {
      await expect(setup.database.execute({ text, params })).rejects.toMatchObject({ code });
      await expectWorks();
    });

    test('a violated constraint is named', async () => {
      const insert = { text: 'insert into entries values ($1), ($1)', params: [1] };
      await expect(setup.database.execute(insert)).rejects.toMatchObject({
        code: '23505',
        constraint: 'entries_are_unique',
        detail: expect.stringContaining('already exists'),
      });
    });

    test('an error of Postgres does not cost a connection', async () => {
      await expectWorks();
      const before = await directly(
        'select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      );
      await expect(setup.database.execute({ text: 'select 1 / 0', params: [] })).rejects.toMatchObject({
        code: '22012',
      });
      await expectWorks();
      const after = await directly(
        'select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      );
      expect(after).toEqual(before);
    });

    test('a statement that takes longer than its timeout has an unknown outcome, and the next one works at once', async () => {
      const started = performance.now();
      const error = await expectUnknown(setup.database.execute(SLEEP, { timeoutMs: 200 }));
      expect(performance.now() - started).toBeLessThan(2_000);
      expect(error.message).toMatch(/^no answer from \S+:\d+\/test_\w+: /);
      await expectWorks();
    });

    test('the timeout covers the wait for a connection', async () => {
      setup.faults.latencyMs = 2_000;
      const fresh = setup.connect();
      const started = performance.now();
      await expectUnknown(fresh.execute(SELECT_1, { timeoutMs: 100 }));
      expect(performance.now() - started).toBeLessThan(1_500);
    });

    test('the timeout covers the wait behind other statements', async () => {
      const busy = Array.from({ length: 4 }, () => expectUnknown(setup.database.execute(SLEEP, { timeoutMs: 1_500 })));
      if (setup.driver === 'neon-http')
        await expectWorks(); // requests do not queue
      else await expectUnknown(setup.database.execute(SELECT_1, { timeoutMs: 200 }));
      await Promise.all(busy);
      await expectWorks();
    });

    test('latency is added each way', async () => {
      await expectWorks();
      setup.faults.latencyMs = 50;
      const started = performance.now();
      await expectWorks();
      expect(performance.now() - started).toBeGreaterThanOrEqual(99);
    });

    test('a lost answer is an unknown outcome: the statement had committed', async () => {
      const lost = setup.faults.loseAnswer('insert into entries');
      await expectUnknown(setup.database.execute({ text: 'insert into entries values ($1)', params: [7] }));
      await lost;
      expect(await directly('select n from entries')).toEqual([{ n: 7 }]);
      await expectWorks();
    });

    test('an answer that never comes ends with the timeout: the statement had committed', async () => {
      const lost = setup.faults.loseAnswer((request) => request.includes('values ($1)') && request.includes('8'), {
        silently: true,
      });
      await expectUnknown(
        setup.database.execute({ text: 'insert into entries values ($1)', params: [8] }, { timeoutMs: 500 }),
      );
      await lost;
      expect(await directly('select n from entries')).toEqual([{ n: 8 }]);
      await expectWorks();
    });

    test('without a timeout of its own a statement ends by the default deadline, within a transaction too', async () => {
      const restore = shorten('statement', 300);
      try {
        await expectUnknown(setup.database.execute(SLEEP));
        if (setup.driver !== 'neon-http') await expectUnknown(setup.database.transaction((tx) => tx.execute(SLEEP)));
      } finally {
        restore();
      }
      await expectWorks();
    });

    test('a rollback whose answer is swallowed does not keep the error of its transaction', async () => {
      if (setup.driver === 'neon-http') return void (await expectWorks()); // it has no transactions
      const restore = shorten('rollback', 300);
      try {
        const lost = setup.faults.loseAnswer('rollback', { silently: true });
        const failing = setup.database.transaction((tx) => tx.execute({ text: 'select 1 / 0', params: [] }));
        await expect(failing).rejects.toMatchObject({ code: '22012' });
        await lost;
      } finally {
        restore();
      }
      await expectWorks();
    });

    test('an error says whether its statement was sent', async () => {
      const silent = setup.faults.loseAnswer('select 1', { silently: true });
      expect(await expectUnknown(setup.database.execute(SELECT_1, { timeoutMs: 300 }))).toMatchObject({ sent: true });
      await silent;
      const nobody = connect('postgres://user:secret@127.0.0.1:2/app', {
        driver: setup.driver,
        endpoint: 'http://127.0.0.1:2', // no port that fetch refuses by itself,
      });
      expect(await expectUnknown(nobody.execute(SELECT_1))).toMatchObject({ sent: false });
      await nobody.close();
    });

    test('only the answer that matches is lost', async () => {
      const lost = setup.faults.loseAnswer('marker');
      await expectWorks();
      await expectUnknown(setup.database.execute({ text: "select 'marker'", params: [] }));
      await lost;
      await expectWorks();
    });

    test('the answer to a statement is lost however large it is, and the one before it is not', async () => {
      const big = { text: "select repeat('x', 5000000) as big", params: [] };
      const lost = setup.faults.loseAnswer('repeat');
      await expectWorks();
      await expectUnknown(setup.database.execute(big));
      await lost;
      expect(await setup.database.execute(big)).toHaveLength(1);
    });

    test('while the database refuses connections each statement says so, and afterwards all is well', async () => {
      await expectWorks();
      setup.faults.refuseConnections(true);
      await expectUnknown(setup.database.execute(SELECT_1));
      await expectUnknown(setup.connect().execute(SELECT_1));
      setup.faults.refuseConnections(false);
      await expectWorks();
    });

    test('idle connections that the server ends are replaced', async () => {
      await Promise.all(Array.from({ length: 4 }, expectWorks));
      const ended = await directly(
        'select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      );
      expect(ended.length).toBeGreaterThan(0);
      // The news of it may still be on its way, so one statement may meet a dead connection; none may meet it twice.
      const settled = await Promise.allSettled(Array.from({ length: 4 }, () => setup.database.execute(SELECT_1)));
      for (const one of settled) if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(Error);
      await Promise.all(Array.from({ length: 8 }, expectWorks));
    });

    test('a server that ends a running statement is an error, and the next one works', async () => {
      const running = setup.database.execute({ text: "select pg_sleep(60), 'victim'", params: [] }).then(
        () => expect.unreachable('it resolved'),
        (error: unknown) => error,
      );
      const END = `select pg_terminate_backend(pid) from pg_stat_activity
                   where datname = current_database() and query like '%victim%' and wait_event = 'PgSleep'`;
      await expect.poll(() => directly(END), { timeout: 10_000 }).toHaveLength(1);
      expect(await running).toBeInstanceOf(Error);
      await expectWorks();
    });

    test('a borrowed connection that dies between two statements does not end the process', async () => {
      if (setup.driver === 'neon-http') return void (await expectWorks()); // it has none to borrow
      const between = setup.database.transaction(async (tx) => {
        const before = setup.faults.connections();
        const [me] = await tx.execute<{ pid: number }>({ text: 'select pg_backend_pid() as pid', params: [] });
        await directly('select pg_terminate_backend($1, 5000)', [me?.pid]);
        await expect.poll(() => setup.faults.connections(), { timeout: 10_000 }).toBeLessThan(before);
        await tx.execute(SELECT_1);
      });
      await expect(between).rejects.toBeInstanceOf(ConnectionError);
      await expectWorks();
    });

    test('an unusable parameter is the caller’s mistake, not an unknown outcome', async () => {
      const cycle: Record<string, unknown> = {};
      cycle.self = cycle;
      await expect(setup.database.execute({ text: 'select $1::jsonb', params: [cycle] })).rejects.not.toBeInstanceOf(
        ConnectionError,
      );
      await expectWorks();
    });

    test('after close every call says that it was closed', async () => {
      const closed = setup.connect();
      expect(await closed.execute(SELECT_1)).toEqual([{ one: 1 }]);
      await closed.close();
      await closed.close();
      await expect(closed.execute(SELECT_1)).rejects.toMatchObject({ code: 'database_closed' });
    });

    test('messages name the address without user or password', async () => {
      setup.faults.refuseConnections(true);
      const { password } = new URL(setup.directUrl);
      const error = await expectUnknown(setup.connect().execute(SELECT_1));
      expect(`${error.message} ${setup.database.address}`).not.toContain(password);
      expect(setup.database.address).toMatch(/^127\.0\.0\.1:\d+\/test_\w+$/);
    });
  },
  { migrated: false },
);
