/** `createTestDatabase` of `@conversure/jobqueue/testing`, on the run's own server. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { z } from 'zod';
import { onServer } from '../../../tests/support/database.ts';
import { createQueue, defineJob } from '../src/index.ts';
import { connect } from '../src/postgres/connect.ts';
import { createTestDatabase, drainAll, startTestServer } from '../src/testing.ts';
import { rows } from './support.ts';

const noop = defineJob({ type: 'noop', payload: z.object({}), handler: async () => ({ run: async () => null }) });
const server = new URL(inject('postgresUrl'));
server.pathname = '/kit_test';
const url = server.href;
const kit = connect(url);
const names = async (prefix: string) => {
  const found = await rows<{ name: string }>(
    kit,
    'select datname::text as name from pg_database where starts_with(datname::text, $1) order by 1',
    prefix,
  );
  return found.map(({ name }) => name);
};

beforeAll(() => onServer('create database kit_test'));
afterAll(async () => {
  await kit.close();
  for (const name of [...(await namesOnServer()), 'kit_test']) await onServer(`drop database ${name} with (force)`);
});
const namesOnServer = async () => {
  const other = connect(inject('postgresUrl'));
  const found = await rows<{ name: string }>(
    other,
    `select datname::text as name from pg_database where datname ~ '^jobqueue_template_.{12}_'`,
  );
  await other.close();
  return found.map(({ name }) => name);
};

test('files that start at once share one template, and none of their jobs', async () => {
  const made = await Promise.all([1, 2, 3, 4].map(() => createTestDatabase({ url })));
  expect(await names('jobqueue_template_')).toHaveLength(1);
  for (const [n, { database }] of made.entries()) {
    const queue = createQueue({ database, jobs: [noop] });
    await queue.addJobs(Array.from({ length: n }, () => ({ type: 'noop', payload: {} })));
  }
  const completed = [];
  for (const { database } of made) completed.push((await drainAll(createQueue({ database, jobs: [noop] }))).completed);
  expect(completed).toEqual([0, 1, 2, 3]);
  for (const each of made) await each.drop();
  expect(await names('jobqueue_test_')).toEqual([]);
});

test('another schema has a template of its own', async () => {
  const own = await createTestDatabase({ url, schema: 'other' });
  const queue = createQueue({ database: own.database, schema: 'other', jobs: [noop] });
  await queue.addJob('noop', {});
  expect(await drainAll(queue)).toMatchObject({ completed: 1 });
  await own.drop();
});

test('databases that a killed run left are removed, and no other', async () => {
  const old = Math.floor(Date.now() / 1_000) - 7_200;
  const kept = [`jobqueue_test_${old}_used`, 'jobqueue_test_notours', `jobqueue_test_${old + 7_000}_young`];
  for (const name of [...kept, `jobqueue_test_${old}_left`]) await onServer(`create database ${name}`);
  const used = new URL(url);
  used.pathname = `/${kept[0]}`;
  const user = connect(used.href);
  await rows(user, 'select');
  const own = await createTestDatabase({ url });
  await own.drop();
  expect(await names('jobqueue_test_')).toEqual(kept.toSorted());
  await user.close();
  for (const name of kept) await onServer(`drop database ${name} with (force)`);
});

test('a database that is not for tests by its name is refused, and DATABASE_URL is not read', async () => {
  const production = new URL(url);
  for (const name of ['app', 'contest', 'latest']) {
    production.pathname = `/${name}`;
    await expect(createTestDatabase({ url: production.href })).rejects.toMatchObject({ code: 'database_foreign' });
  }
  const before = { ...process.env };
  try {
    process.env.DATABASE_URL = url;
    delete process.env.TEST_DATABASE_URL;
    await expect(createTestDatabase()).rejects.toMatchObject({ code: 'database_url_missing' });
    process.env.TEST_DATABASE_URL = url;
    expect((await startTestServer()).url).toBe(url); // nothing starts
    await (await createTestDatabase()).drop();
  } finally {
    process.env = before;
  }
  await expect(createTestDatabase({ URL: url } as object)).rejects.toThrow('the nearest: url');
});
