/** The schema's name is an option: queues of several names share a database, and each sees only its own. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { emptyDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { connect, type Database } from '../../src/postgres/connect.ts';
import { migrate, pendingMigrations } from '../../src/postgres/migrate.ts';
import { inSchema, placing, schemaName } from '../../src/postgres/schema.ts';
import { drizzleOver } from '../drizzle.ts';
import { everyOperation, workQueue } from '../every-operation.ts';
import { rows } from '../support.ts';

/** A keyword, and a name that begins like another one's. No schema of this database is called jobqueue. */
const ORDER = 'order';
const ORDER_2 = 'order_2';

let home: TestDatabase;
let database: Database;

beforeAll(async () => {
  home = await emptyDatabase();
  const made = await Promise.all([
    migrate({ url: home.url, schema: ORDER, environment: 'production' }),
    migrate({ url: home.url, schema: ORDER_2, environment: 'preview' }),
  ]);
  expect(made[0]).toEqual(made[1]);
  database = connect(home.url);
});
afterAll(async () => {
  await database.close();
  await home.drop();
});

const production = () => workQueue({ database, schema: ORDER, environment: 'production' });
const preview = () => workQueue({ database, schema: ORDER_2, environment: 'preview' });

/** The rows of each table of a schema. */
async function contents(schema: string) {
  const tables = await rows<{ name: string }>(
    database,
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = $1 order by 1`,
    schema,
  );
  const each = tables.map(({ name }) => `select '${name}' as name, to_jsonb(t) as row from ${name} t`);
  return rows(database, `${each.join(' union all ')} order by name, row`);
}

test('a name has its own history: nothing is pending twice', async () => {
  expect(await pendingMigrations({ url: home.url, schema: ORDER })).toEqual([]);
  expect(await migrate({ url: home.url, schema: ORDER_2 })).toEqual({ applied: [] });
  expect((await pendingMigrations({ url: home.url })).length).toBeGreaterThan(90);
});

test('everything that an app and its operators do in one leaves the other as it was', async () => {
  const before = await contents(ORDER_2);
  await everyOperation(production());
  expect(await contents(ORDER_2)).toEqual(before);
  const after = await contents(ORDER);
  await everyOperation(preview());
  expect(await contents(ORDER)).toEqual(after);
  for (const queue of [production(), preview()]) await queue.drain({ budgetMs: 10_000 }); // what operators made due last
});

test('two environments share the database: each drains its own jobs', async () => {
  const [job] = await production().addJobs([{ type: 'work', payload: { fail: false } }]);
  const id = job?.id ?? '';
  expect(await preview().drain({ budgetMs: 5_000 })).toMatchObject({ claimed: 0, stopReason: 'empty' });
  expect(await production().getJob(id)).toMatchObject({ status: 'PENDING' });
  expect(await production().drain({ budgetMs: 5_000 })).toMatchObject({ completed: 1, stopReason: 'empty' });
});

test("the caller's transactions and statements reach the queue's schema", async () => {
  const queue = production();
  const add = { type: 'work', payload: { fail: false } } as const;
  await database.transaction((transaction) => queue.addJob('work', add.payload, { transaction }));
  const drizzle = await drizzleOver(database);
  await drizzle.transaction((transaction) => queue.addJobs([add], { transaction }));
  await drizzle.execute(queue.statement([add]).sql);
  await database.execute(queue.statement([add]));
  await expect(
    database.transaction(async (transaction) => {
      await queue.addJob('work', add.payload, { transaction });
      throw new Error('rolled back');
    }),
  ).rejects.toThrow('rolled back');
  expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ completed: 4, stopReason: 'empty' });
});

test('the health check names what is missing in this schema, and how to mend it', async () => {
  const queue = preview();
  await rows(database, `select setval('${ORDER_2}.jobs_id_seq', 1, false)`);
  await rows(database, `drop function ${ORDER_2}.free_key_1(text, text, jsonb)`);
  const { checks } = await queue.health();
  expect(checks.filter(({ name, ok }) => !ok && (name === 'sequences' || name === 'protocol'))).toMatchObject([
    { detail: expect.stringContaining('"order_2".free_key_1(text,text,jsonb)') },
    { next: expect.stringContaining('select order_2.raise_sequences_1()') },
  ]);
});

test('no function names another schema', async () => {
  const found = await rows(
    database,
    "select count(*)::int as all, array_agg(proname) filter (where prosrc ~ 'jobqueue[.][a-z]') as wrong from pg_proc where pronamespace = $1::regnamespace",
    ORDER,
  );
  expect(found).toMatchObject([{ all: expect.any(Number), wrong: null }]);
});

test.each(['public', 'pg_jobs', 'information_schema', 'Jobs', 'my-jobs', '1st', '', 'a"b', 'x'.repeat(64)])(
  "'%s' is no name for the schema",
  async (schema) => {
    const refused = {
      code: 'option_invalid',
      message: expect.stringContaining('schema: expected the name of a schema'),
    };
    expect(() => workQueue({ database, schema })).toThrow(expect.objectContaining(refused));
    await expect(migrate({ url: home.url, schema })).rejects.toMatchObject(refused);
  },
);

test('a statement of the default schema stays the same object, and any other text is rewritten where it names the schema alone', () => {
  const statement = { text: 'select jobqueue.step_2($1)', params: [1] };
  expect(placing(schemaName(undefined, {}))(statement)).toBe(statement);
  expect(placing('b')(statement)).toEqual({ text: 'select "b".step_2($1)', params: [1] });
  const text = `select 'jobqueue needs', 'x.jobqueue.y', my_jobqueue.a, 'jobqueue.jobs'::regclass, 'jobqueue'::regnamespace from jobqueue.jobs`;
  expect(inSchema(text, 'b')).toBe(
    `select 'jobqueue needs', 'x.jobqueue.y', my_jobqueue.a, '"b".jobs'::regclass, '"b"'::regnamespace from "b".jobs`,
  );
});
