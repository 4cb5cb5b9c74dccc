/** Payload schemas of each library: what one takes is enqueued and handled, what it refuses is told by its path. */
import { type as arktype } from 'arktype';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import * as mini from 'zod/mini';
import { z as z3 } from 'zod3';
import { freshDatabase, type TestDatabase } from '../../../tests/support/database.ts';
import { createQueue, defineJob, type JobContext, type QueueError, secret } from '../src/index.ts';
import type { Database } from '../src/postgres/connect.ts';
import { connect } from '../src/postgres/connect.ts';

interface Mail {
  readonly to: string;
  readonly copies: number;
  readonly tags: string[];
}

let handled: Mail[] = [];
/** Writes to what it got: the next run must not see that. */
const handler = async () => ({
  run: async ({ payload }: JobContext<Mail>) => {
    handled.push(structuredClone(payload));
    payload.tags.push('of this run');
  },
});

const jobs = [
  defineJob({
    type: 'zod',
    payload: z.object({ to: z.string(), copies: z.number().default(1), tags: z.array(z.string()).default([]) }),
    handler,
  }),
  defineJob({
    type: 'zod_mini',
    payload: mini.object({
      to: mini.string(),
      copies: mini._default(mini.number(), 1),
      tags: mini._default(mini.array(mini.string()), []),
    }),
    handler,
  }),
  defineJob({
    type: 'zod_3',
    payload: z3.object({ to: z3.string(), copies: z3.number().default(1), tags: z3.array(z3.string()).default([]) }),
    handler,
  }),
  defineJob({
    type: 'valibot',
    payload: v.object({
      to: v.string(),
      copies: v.optional(v.number(), 1),
      tags: v.optional(v.array(v.string()), []),
    }),
    handler,
  }),
  defineJob({
    type: 'arktype',
    payload: arktype({ to: 'string', copies: 'number = 1', tags: arktype('string[]').default(() => []) }),
    handler,
  }),
] as const;
const TYPES = jobs.map(({ type }) => type);

let db: TestDatabase;
let database: Database;
const queueOf = () => createQueue({ database: () => database, jobs, logJobs: 'none' });

beforeAll(async () => {
  db = await freshDatabase();
  database = connect(db.url);
});
afterAll(async () => {
  await database.close();
  await db.drop();
});

const refusal = (outcome: Promise<unknown>): Promise<QueueError> =>
  outcome.then(
    () => expect.fail('it was accepted'),
    (error) => error,
  );

describe.each(TYPES)('a schema of %s', (type) => {
  test('gives each run a payload of its own, its defaults filled in', async () => {
    const queue = queueOf();
    await queue.addJobs([
      { type, payload: { to: 'a' } },
      { type, payload: { to: 'b', copies: 2, tags: ['x'] } },
      { type, payload: { to: 'c' } },
    ]);
    handled = [];
    expect(await queue.drain()).toMatchObject({ completed: 3, deadLettered: 0 });
    expect(handled.toSorted((a, b) => (a.to < b.to ? -1 : 1))).toEqual([
      { to: 'a', copies: 1, tags: [] },
      { to: 'b', copies: 2, tags: ['x'] },
      { to: 'c', copies: 1, tags: [] },
    ]);
  });

  test('refuses what does not fit by the path of each mistake, at the enqueue and in the drain', async () => {
    const queue = queueOf();
    const payload = { to: 'a', copies: 'two', tags: ['x', 7] } as never;
    const { code, issues } = await refusal(queue.addJob(type, payload));
    expect([code, issues.map(({ path }) => path).sort()]).toEqual([
      'payload_invalid',
      ['payload.copies', 'payload.tags.1'],
    ]);
    const added = await queue.addJob(type, { to: 'a' }); // by a deployment whose schema took other payloads
    await database.execute({
      text: 'update jobqueue.jobs set payload = $1 where id = $2',
      params: [JSON.stringify(payload), added?.id ?? null],
    });
    expect(await queue.drain()).toMatchObject({ deadLettered: 1 });
    const [dead] = await database.execute<{ paths: string[] }>({
      text: `select jsonb_path_query_array(errors, '$[*].issues[*].path') as paths
        from jobqueue.finished_jobs where type = $1 and status = 'DEAD_LETTER'`,
      params: [type],
    });
    expect(dead?.paths.sort()).toEqual(['copies', 'tags.1']);
  });
});

const later = async () => true;
test.each([
  ['zod', z.string().refine(later)],
  ['zod mini', mini.string().check(mini.refine(later))],
  ['valibot', v.pipeAsync(v.string(), v.checkAsync(later))],
])('a schema of %s that says that it answers with a promise is refused by createQueue', (_, payload) => {
  expect(() => createQueue({ database: () => database, jobs: [defineJob({ type: 'later', payload })] })).toThrow(
    expect.objectContaining({ code: 'job_definition_invalid', message: expect.stringContaining("defineJob('later')") }),
  );
});

test.each([
  ['zod', z.string().refine(() => later())],
  ['zod 3', z3.string().refine(later)],
  ['zod 3, by a transform', z3.string().transform(later)],
  [
    'another library',
    { '~standard': { version: 1, vendor: 'own', validate: () => Promise.reject(new Error('too late')) } } as const,
  ],
])('a schema of %s that answers with a promise all the same is refused by the first job', async (_, payload) => {
  const queue = createQueue({ database: () => database, jobs: [defineJob({ type: 'later', payload })] });
  expect(await refusal(queue.addJob('later', 'x'))).toMatchObject({
    code: 'job_definition_invalid',
    message: expect.stringContaining('let the handler do them'),
  });
});

test.each([
  ['zod', z.string().refine(() => Reflect.get({}, 'a').b)],
  ['zod 3', z3.string().refine(() => Reflect.get({}, 'a').b)],
  [
    'valibot',
    v.pipe(
      v.string(),
      v.check(() => Reflect.get({}, 'a').b),
    ),
  ],
])('what a check of %s throws reaches the caller as it is', async (_, payload) => {
  const queue = createQueue({ database: () => database, jobs: [defineJob({ type: 'broken', payload })] });
  expect(await refusal(queue.addJob('broken', 'x'))).toBeInstanceOf(TypeError);
});

test('what is no schema of the standard is refused by its declaration', () => {
  for (const payload of [
    {},
    null,
    { to: 'string' },
    { safeParse: () => ({ success: true }) },
    { '~standard': { version: 2 } },
  ])
    expect(() => defineJob({ type: 'odd', payload: payload as never })).toThrow(
      expect.objectContaining({ code: 'job_definition_invalid', message: expect.stringContaining('Standard Schema') }),
    );
});

test('only schemas of zod 4 can be marked as secret: another one does not compile, and the error names the package', () => {
  const message = 'secret: schema: expected a schema of zod 4, whose package is zod: npm install zod@4';
  // @ts-expect-error a schema of zod 3
  expect(() => secret(z3.string())).toThrow(message);
  // @ts-expect-error a schema of valibot
  expect(() => secret(v.string())).toThrow(message);
});
