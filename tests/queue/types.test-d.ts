/** What does not compile: checked by tsc, never run. Each expectation fails the type check once it has become wrong. */
import { z } from 'zod';
import type { Database } from '../../db/client.ts';
import { createQueue, defineJob, defineSchedule, type PayloadOf } from '../../lib/jobqueue/index.ts';

export async function refusedByTheCompiler(database: Database) {
  const mail = defineJob({
    type: 'mail',
    payload: z.object({ to: z.string(), copies: z.number().default(1), at: z.coerce.date().optional() }),
    handler: async () => ({
      run: async ({ payload }) => {
        payload.copies satisfies number; // what the schema makes of it: the default is filled in
        payload.at satisfies Date | undefined;
        // @ts-expect-error not in the schema
        payload.subject;
      },
    }),
  });
  const sync = defineJob({ type: 'sync', payload: z.object({ action: z.enum(['create', 'update']) }) });
  const queue = createQueue({ database, jobs: [mail, sync] });

  ({ to: 'a' }) satisfies PayloadOf<typeof queue.jobs, 'mail'>; // what the caller gives: the default may be left out
  await queue.addJob('mail', { to: 'a' });
  await queue.addJob(
    'mail',
    { to: 'a' },
    { priority: 5, idempotencyKey: 'k', maxAttempts: 3, scheduledFor: new Date() },
  );
  await queue.addJobs([
    { type: 'mail', payload: { to: 'a' } },
    { type: 'sync', payload: { action: 'create' }, options: { priority: 1 } },
  ]);
  (await queue.addJob('sync', { action: 'update' })) satisfies { id: string } | null;

  // @ts-expect-error no such type
  await queue.addJob('male', { to: 'a' });
  // @ts-expect-error a payload of another type
  await queue.addJob('mail', { action: 'create' });
  // @ts-expect-error a value that the schema does not know
  await queue.addJob('sync', { action: 'delete' });
  // @ts-expect-error a field is missing
  await queue.addJob('mail', {});
  // @ts-expect-error a misspelt option
  await queue.addJob('mail', { to: 'a' }, { prio: 5 });
  // @ts-expect-error a date as text
  await queue.addJob('mail', { to: 'a' }, { scheduledFor: '2026-11-23' });
  // @ts-expect-error the payload of one type with the name of another
  await queue.addJobs([{ type: 'sync', payload: { to: 'a' } }]);
  await queue.addFlow({
    type: 'mail',
    payload: { to: 'a' },
    children: [{ type: 'sync', payload: { action: 'create' } }],
  });
  // @ts-expect-error a child's payload of another type
  await queue.addFlow({ type: 'mail', payload: { to: 'a' }, children: [{ type: 'sync', payload: { to: 'a' } }] });
  // @ts-expect-error no such type
  await queue.findJob({ type: 'male', idempotencyKey: 'k' });
  // @ts-expect-error an id is text: a bigint does not fit a number
  await queue.getJob(7);
  // @ts-expect-error a handler answers with a promise
  defineJob({ type: 'now', payload: z.object({}), handler: async () => ({ run: () => 1 }) });

  const slot = { name: 'nightly', cron: '30 2 * * *', timeZone: 'UTC' };
  const tag = defineJob({ type: 'tag', payload: z.object({ tags: z.array(z.string()), kind: z.enum(['a', 'b']) }) });
  createQueue({
    database,
    jobs: [mail, sync, tag],
    schedules: [
      defineSchedule({ ...slot, type: 'mail', payload: { to: 'a' } }),
      defineSchedule({ ...slot, type: 'tag', payload: { tags: ['x', 'y'], kind: 'b' }, misfire: { all: 3 } }),
    ],
  });
  const male = defineSchedule({ ...slot, type: 'male', payload: { to: 'a' } });
  // @ts-expect-error no such type
  createQueue({ database, jobs: [mail], schedules: [male] });
  const mixed = defineSchedule({ ...slot, type: 'sync', payload: { to: 'a' } });
  // @ts-expect-error the payload of one type with the name of another
  createQueue({ database, jobs: [mail, sync], schedules: [mixed] });
  const deleting = defineSchedule({ ...slot, type: 'sync', payload: { action: 'delete' } });
  // @ts-expect-error a value that the schema does not know
  createQueue({ database, jobs: [sync], schedules: [deleting] });
  // @ts-expect-error no such policy
  defineSchedule({ ...slot, type: 'mail', payload: { to: 'a' }, misfire: 'some' });
}
