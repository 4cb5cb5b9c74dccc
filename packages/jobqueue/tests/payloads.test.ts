/** Payloads that could never run: refused when they are enqueued, whichever way, before any statement is sent. */
import { expect, test } from 'vitest';
import { z } from 'zod';
import { createQueue, defineJob, defineSchedule, type QueueError } from '../src/index.ts';
import type { Database } from '../src/postgres/connect.ts';

const database = (): Database => {
  throw new Error('a refused call must not touch the database');
};

/** Schemas whose types the compiler would refuse come as those that it knows nothing of. */
function queueFor(payload: z.ZodType) {
  const job = defineJob({ type: 'odd', payload });
  return { job, queue: createQueue({ database, jobs: [job] }) };
}

const refusal = (outcome: Promise<unknown>): Promise<QueueError> =>
  outcome.then(
    () => expect.fail('it was accepted'),
    (error) => error,
  );

test.each<[what: string, schema: z.ZodType, given: unknown, change: string]>([
  ['a Date', z.date(), new Date(0), 'a Date as string'],
  ['a Map', z.map(z.string(), z.number()), new Map([['a', 1]]), 'a Map as an object'],
  ['a Set', z.set(z.string()), new Set(['a']), 'a Set as an object'],
  ['NaN', z.nan(), Number.NaN, 'NaN as null'],
  ['infinity', z.custom((n) => n === Number.POSITIVE_INFINITY), Number.POSITIVE_INFINITY, 'Infinity as null'],
  ['bytes', z.instanceof(Uint8Array), new Uint8Array(2), 'a Uint8Array as an object'],
  ['a URL', z.instanceof(URL), new URL('http://a'), 'a URL as string'],
  ['undefined in a list', z.tuple([z.string().optional()]), [undefined], 'undefined as null'],
])('%s is refused by its path, with what JSON would make of it', async (_, schema, given, change) => {
  const { job, queue } = queueFor(z.object({ it: schema }));
  const path = Array.isArray(given) ? 'payload.it.0' : 'payload.it';
  const payload = { it: given };
  const alone = await refusal(queue.addJob('odd', payload));
  expect(alone).toMatchObject({ code: 'payload_invalid', issues: [{ path }] });
  expect(alone.message).toContain(`(JSON stores ${change})`);
  const input = { type: 'odd', payload } as const;
  expect(await refusal(queue.addJobs([input, input]))).toMatchObject({ issues: [{ path: `jobs[0].${path}` }] });
  expect(await refusal(queue.addFlow({ ...input, children: [input] }))).toMatchObject({ issues: [{ path }] });
  expect(() => queue.statement([input])).toThrow(change);
  const nightly = defineSchedule({ ...input, name: 'nightly', cron: '0 2 * * *', timeZone: 'UTC' });
  expect(() => createQueue({ database, jobs: [job], schedules: [nightly] })).toThrow(change);
});

test('a value that only JSON spoils does not pass as another one', async () => {
  const { queue } = queueFor(z.object({ at: z.coerce.date(), n: z.number().nullable() }));
  const soon = { at: new Date('soon'), n: Number.NaN }; // JSON has null for both: the year 1970, and no number
  expect((await refusal(queue.addJob('odd', soon))).issues.map(({ path }) => path)).toEqual([
    'payload.at',
    'payload.n',
  ]);
});

test('a payload schema that answers with a promise is refused by createQueue, or else by the first job', async () => {
  const given = async (text: string) => text !== '';
  expect(() => queueFor(z.object({ a: z.string().refine(given) }))).toThrow(
    expect.objectContaining({ code: 'job_definition_invalid', message: expect.stringContaining("defineJob('odd')") }),
  );
  expect(() => queueFor(z.array(z.string().transform(given)))).toThrow('without asynchronous checks');
  const { queue } = queueFor(z.string().refine((text) => Promise.resolve(text !== '')));
  expect(await refusal(queue.addJob('odd', 'x'))).toMatchObject({
    code: 'job_definition_invalid',
    message: expect.stringContaining('let the handler do them'),
  });
});
