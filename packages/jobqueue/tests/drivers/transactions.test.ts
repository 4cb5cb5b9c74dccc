/** Interactive transactions: all or nothing where the driver has them, a clear refusal where it has not. */
import { sql } from 'drizzle-orm';
import { beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type DriverUnderTest, describeEachDriver } from '../../../../tests/support/drivers.ts';
import { emptied } from '../../../../tests/support/empty.ts';
import { ConnectionError } from '../../src/postgres/connect.ts';
import { DRIVER_CLIENT } from '../../src/postgres/driver-client.ts';
import { drizzleOver, drizzleOverAnother } from '../drizzle.ts';

const insert = (n: number) => ({ text: 'insert into entries values ($1)', params: [n] });

describeEachDriver(
  'transactions',
  (setup) => {
    const entries = async () => {
      const rows = await setup.database.execute<{ n: number }>({
        text: 'select n from entries order by n',
        params: [],
      });
      return rows.map(({ n }) => n);
    };
    /** On HTTP each of these tests is one more proof that nothing ran. */
    const refusedOnHttp = async (outcome: Promise<unknown>): Promise<boolean> => {
      if (setup.driver !== 'neon-http') return false;
      await expect(outcome).rejects.toMatchObject({
        code: 'transaction_unsupported',
        message: expect.stringContaining('neon'),
      });
      expect(await entries()).toEqual([]);
      return true;
    };

    beforeAll(() => setup.database.execute({ text: 'create table entries (n int primary key)', params: [] }));
    beforeEach(() => setup.database.execute({ text: emptied('entries'), params: [] }));

    test('commits all of it, and returns what its function returned', async () => {
      const done = setup.database.transaction(async (tx) => {
        await tx.execute(insert(1));
        await tx.execute(insert(2));
        return 'done';
      });
      if (await refusedOnHttp(done)) return;
      expect(await done).toBe('done');
      expect(await entries()).toEqual([1, 2]);
    });

    test('rolls back when its function throws, with that very error', async () => {
      const mine = new Error('mine');
      const done = setup.database.transaction(async (tx) => {
        await tx.execute(insert(1));
        throw mine;
      });
      if (await refusedOnHttp(done)) return;
      await expect(done).rejects.toBe(mine);
      expect(await entries()).toEqual([]);
    });

    test('rolls back when a statement fails, with its SQLSTATE', async () => {
      const done = setup.database.transaction(async (tx) => {
        await tx.execute(insert(1));
        await tx.execute(insert(1));
      });
      if (await refusedOnHttp(done)) return;
      await expect(done).rejects.toMatchObject({ code: '23505' });
      expect(await entries()).toEqual([]);
    });

    test('does not claim a commit after an error was swallowed', async () => {
      const done = setup.database.transaction(async (tx) => {
        await tx.execute(insert(1));
        await tx.execute(insert(1)).catch(() => undefined);
      });
      if (await refusedOnHttp(done)) return;
      await expect(done).rejects.toMatchObject({ code: 'transaction_aborted' });
      expect(await entries()).toEqual([]);
    });

    test('a statement that outlives its transaction does not run in the next one', async () => {
      let leaked: DriverUnderTest['database'] | undefined;
      const done = setup.database.transaction(async (tx) => {
        leaked = tx as typeof leaked;
      });
      if (await refusedOnHttp(done)) return;
      await done;
      await expect(leaked?.execute(insert(1))).rejects.toMatchObject({ code: 'transaction_ended' });
      expect(await entries()).toEqual([]);
    });

    test('a statement that times out in it rolls all of it back', async () => {
      const done = setup.database.transaction(async (tx) => {
        await tx.execute(insert(1));
        await tx.execute({ text: 'select pg_sleep(3)', params: [] }, { timeoutMs: 100 });
      });
      if (await refusedOnHttp(done)) return;
      await expect(done).rejects.toBeInstanceOf(ConnectionError);
      expect(await entries()).toEqual([]);
    });

    test('a commit whose answer is lost is an unknown outcome, and here it did commit', async () => {
      if (setup.driver === 'neon-http')
        return void (await refusedOnHttp(setup.database.transaction(async () => undefined)));
      const lost = setup.faults.loseAnswer((request) => /\bcommit\b/.test(request));
      const done = setup.database.transaction((tx) => tx.execute(insert(1)));
      await expect(done).rejects.toSatisfy((error) => error instanceof ConnectionError && !('code' in error));
      await lost;
      expect(await entries()).toEqual([1]);
    });

    test('a transaction that loses its connection half-way has done nothing', async () => {
      const done = setup.database.transaction(async (tx) => {
        await tx.execute(insert(1));
        setup.faults.cutConnections();
        await tx.execute(insert(2));
      });
      if (await refusedOnHttp(done)) return;
      await expect(done).rejects.toBeInstanceOf(ConnectionError);
      expect(await entries()).toEqual([]);
    });

    test('ten at once, as the handlers of a drain hold them, take turns, and a statement beside them does not wait', async () => {
      const drizzle = await drizzleOver(setup.database);
      let begun = 0;
      let end: () => void = () => undefined;
      const held = new Promise<void>((resolve) => {
        end = resolve;
      });
      const hold = () => {
        begun++;
        return held;
      };
      const all = Promise.all(
        Array.from({ length: 10 }, (_, n) =>
          n % 2 === 0 ? setup.database.transaction(hold) : drizzle.transaction(hold),
        ),
      );
      if (setup.driver === 'neon-http') {
        await expect(all).rejects.toMatchObject({ code: 'transaction_unsupported' });
        return;
      }
      await vi.waitFor(() => expect(begun).toBe(3));
      expect(await setup.database.execute({ text: 'select 1 as one', params: [] }, { timeoutMs: 5_000 })).toEqual([
        { one: 1 },
      ]);
      expect(begun).toBe(3);
      end();
      await all;
      expect(begun).toBe(10);
    });

    test.each([
      ['its own driver', drizzleOver],
      ['a driver for another client', drizzleOverAnother],
    ])("drizzle's transactions by %s commit and roll back", async (_by, open) => {
      const drizzle = await open(setup.database);
      const committed = drizzle.transaction(async (tx) => {
        await tx.execute(sql`insert into entries values (1)`);
        expect(await entries()).toEqual([]);
      });
      if (setup.driver === 'neon-http')
        return void (await expect(committed).rejects.toMatchObject({ code: 'transaction_unsupported' }));
      await committed;
      const failed = drizzle.transaction(async (tx) => {
        await tx.execute(sql`insert into entries values (2)`);
        throw new Error('mine');
      });
      await expect(failed).rejects.toThrow('mine');
      expect(await entries()).toEqual([1]);
    });

    test('drizzle is made once for each function that makes it, over the connections of the database', async () => {
      const first = await drizzleOver(setup.database);
      expect(await drizzleOver(setup.database)).toBe(first);
      expect(await drizzleOver(setup.connect())).not.toBe(first);
      const foreign = { ...setup.database, [DRIVER_CLIENT]: undefined };
      await expect(drizzleOver(foreign)).rejects.toMatchObject({ code: 'database_foreign' });
    });

    test("drizzle's transactions that lose their begin do not use up the pool", async () => {
      const drizzle = await drizzleOver(setup.database);
      const TIMES = 6; // the pool holds 4
      for (let time = 0; time < TIMES; time++) {
        if (setup.driver !== 'neon-http') void setup.faults.loseAnswer('begin');
        await expect(drizzle.transaction((tx) => tx.execute(sql`select 1`))).rejects.toThrow();
      }
      expect(await entries()).toEqual([]);
    });
  },
  { migrated: false },
);
