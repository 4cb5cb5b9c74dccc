/** Code that must not compile: checked by tsc, never run. Each expectation fails the type check once it is wrong. */
import { type as arktype } from 'arktype';
import { drizzle } from 'drizzle-orm/node-postgres';
import type { Kysely } from 'kysely';
import pg from 'pg';
import * as v from 'valibot';
import { z } from 'zod';
import { z as z3 } from 'zod3';
import { type Around, createQueue, defineJob, defineSchedule, type Job, type PayloadOf } from '../src/index.ts';
import type { Database } from '../src/postgres/connect.ts';

export async function refusedByTheCompiler(database: Database, kysely: Kysely<object>) {
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

  // @ts-expect-error a whole database is no transaction
  await queue.addJob('mail', { to: 'a' }, { transaction: database });
  // @ts-expect-error neither is a pool
  await queue.addJob('mail', { to: 'a' }, { transaction: new pg.Pool() });
  // @ts-expect-error nor drizzle outside of db.transaction
  await queue.addJob('mail', { to: 'a' }, { transaction: drizzle({ client: new pg.Pool() }) });
  // @ts-expect-error nor Kysely outside of db.transaction()
  await queue.addJob('mail', { to: 'a' }, { transaction: kysely });
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

  createQueue({
    database,
    jobs: [mail, sync],
    around: async ({ payload, job, signal, deadline }, next) => {
      if ('to' in payload) payload.copies satisfies number;
      else payload.action satisfies 'create' | 'update';
      [job.type, signal, deadline] satisfies [string, AbortSignal, Date];
      return (await next()) satisfies unknown;
    },
  });
  const anyJob: Around = (context, next) => (context.payload === null ? cancelled : next());
  const cancelled = Promise.resolve(null);
  createQueue({ database, jobs: [mail, sync], around: [anyJob, (_, next) => next()] });
  // @ts-expect-error a function around a run answers with a promise
  createQueue({ database, jobs: [mail], around: () => 1 });
  // @ts-expect-error no payload of this queue
  createQueue({ database, jobs: [mail], around: ({ payload }, next) => (payload.action ? next() : next()) });

  const retried = { type: 'retried', payload: z.object({}) } as const;
  defineJob({ ...retried, retry: { backoff: 'fixed', baseMs: 500, maxMs: 1_000, jitter: 0 } });
  defineJob({ ...retried, retry: { backoff: (attempt, error) => (error instanceof Error ? attempt * 10 : null) } });
  // @ts-expect-error no such backoff
  defineJob({ ...retried, retry: { backoff: 'linear' } });
  // @ts-expect-error a function that answers later
  defineJob({ ...retried, retry: { backoff: async () => 5 } });
  // @ts-expect-error no such option
  defineJob({ ...retried, retry: { base: 5 } });

  const told = z.object({ id: z.string(), type: z.string(), payload: z.unknown(), omitted: z.boolean() });
  const dies = defineJob({ type: 'dies', payload: z.object({ to: z.string() }), onDeadLetter: 'died' });
  const died = defineJob({ type: 'died', payload: told.extend({ error: z.object({ message: z.string() }) }) });
  const ends = defineJob({ type: 'ends', payload: z.object({ to: z.string() }), onCompleted: 'ended' });
  const ended = defineJob({ type: 'ended', payload: told.extend({ result: z.unknown() }) });
  const narrow = defineJob({
    type: 'ended',
    payload: told.extend({ payload: z.object({ to: z.string() }).nullable() }),
  });
  const withFollowUps = createQueue({ database, jobs: [mail, dies, died, ends, ended], around: (_, next) => next() });
  await withFollowUps.addJob('dies', { to: 'a' });
  // @ts-expect-error a payload of another type
  await withFollowUps.addJob('dies', { action: 'create' });
  createQueue({ database, jobs: [ends, narrow] });
  createQueue({ database, jobs: [ends, narrow] as readonly Job[] }); // checked at run time
  // @ts-expect-error no such type
  createQueue({ database, jobs: [mail, dies] });
  // @ts-expect-error the payload of that type takes no dead letter
  createQueue({ database, jobs: [dies, defineJob({ type: 'died', payload: z.object({ to: z.string() }) })] });
  // @ts-expect-error nor does one that reads a result
  createQueue({ database, jobs: [ends, defineJob({ type: 'ended', payload: told.extend({ error: z.string() }) })] });
  // @ts-expect-error nor one that takes the payloads of another type alone
  createQueue({ database, jobs: [ends, defineJob({ type: 'ended', payload: told.extend({ payload: z.number() }) })] });

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

/** Schedules of run time take the payloads of the queue's own types. */
export async function schedulesOfRunTime(database: Database) {
  const mail = defineJob({ type: 'mail', payload: z.object({ to: z.string() }) });
  const { schedules } = createQueue({ database, jobs: [mail] });
  const by = { actor: 'ann' };
  const slot = { name: 'tenant-7:mail', cron: '30 2 * * *', timeZone: 'UTC' };
  await schedules.create({ ...slot, type: 'mail', payload: { to: 'a' }, priority: 3, paused: true }, by);
  // @ts-expect-error no such type
  await schedules.create({ ...slot, type: 'male', payload: { to: 'a' } }, by);
  // @ts-expect-error a payload of another shape
  await schedules.create({ ...slot, type: 'mail', payload: { too: 'a' } }, by);
  // @ts-expect-error nobody answers for it
  await schedules.create({ ...slot, type: 'mail', payload: { to: 'a' } });
  await schedules.update('tenant-7:mail', { cron: '@daily', paused: false }, by);
  // @ts-expect-error a schedule keeps its name
  await schedules.update('tenant-7:mail', { name: 'other' }, by);
  const [first] = await schedules();
  first?.kind satisfies 'code' | 'runtime' | undefined;
  const { next } = await schedules.list({ kind: 'runtime', prefix: 'tenant-' }, { limit: 10 });
  next satisfies string | null;
  // @ts-expect-error no such kind
  await schedules.list({ kind: 'both' });
  const { before, after } = await schedules.preview('tenant-7:mail', { cron: '@weekly' }, { count: 3 });
  [...before, ...after] satisfies Date[];
}

interface Folder {
  readonly name: string;
  readonly folders: readonly Folder[];
}

/** A payload that JSON changes can never run, so it does not compile. */
export function payloadsForJson() {
  // @ts-expect-error a Date comes back as text
  defineJob({ type: 'a', payload: z.object({ at: z.date() }) });
  // @ts-expect-error also where it may be left out
  defineJob({ type: 'a', payload: z.object({ at: z.date().optional() }) });
  // @ts-expect-error also deep inside
  defineJob({ type: 'a', payload: z.object({ stops: z.array(z.object({ at: z.date() })) }) });
  // @ts-expect-error a Map comes back as an empty object
  defineJob({ type: 'a', payload: z.object({ m: z.map(z.string(), z.number()) }) });
  // @ts-expect-error a Set too
  defineJob({ type: 'a', payload: z.object({ s: z.set(z.string()) }) });
  // @ts-expect-error JSON refuses a bigint
  defineJob({ type: 'a', payload: z.object({ n: z.bigint() }) });
  // @ts-expect-error bytes come back as an object of numbers
  defineJob({ type: 'a', payload: z.object({ bytes: z.instanceof(Uint8Array) }) });
  // @ts-expect-error a URL comes back as text
  defineJob({ type: 'a', payload: z.object({ url: z.instanceof(URL) }) });
  // @ts-expect-error undefined in a list comes back as null
  defineJob({ type: 'a', payload: z.object({ l: z.array(z.string().optional()) }) });
  // @ts-expect-error a function is left out
  defineJob({ type: 'a', payload: z.object({ f: z.custom<() => void>() }) });
  // @ts-expect-error a payload that is no value
  defineJob({ type: 'a', payload: z.undefined() });

  const iso = z.codec(z.iso.datetime(), z.date(), { decode: (s) => new Date(s), encode: (d) => d.toISOString() });
  const folder: z.ZodType<Folder, Folder> = z.object({ name: z.string(), folders: z.lazy(() => z.array(folder)) });
  const node = z.object({
    name: z.string(),
    get nodes() {
      return z.array(node);
    },
  });
  defineJob({
    type: 'a',
    payload: z.object({
      at: z.coerce.date(),
      iso: z.iso.datetime(),
      codec: iso,
      yes: z.stringbool(),
      n: z.coerce.bigint(),
    }),
  });
  defineJob({
    type: 'a',
    payload: z.object({ either: z.union([z.date(), z.string()]), coerced: z.coerce.date<Date | string>() }),
  });
  defineJob({
    type: 'a',
    payload: z.object({ pre: z.preprocess(Number, z.number()), text: z.string().transform((text) => new Set(text)) }),
  });
  defineJob({
    type: 'a',
    payload: z.object({
      a: z.string().optional(),
      b: z.number().default(1),
      c: z.string().nullish(),
      d: z.never().optional(),
    }),
  });
  defineJob({
    type: 'a',
    payload: z.object({
      id: z.string().brand<'id'>(),
      tpl: z.templateLiteral(['a-', z.number()]),
      kind: z.literal(['x', 1]),
    }),
  });
  defineJob({
    type: 'a',
    payload: z.object({ pair: z.tuple([z.string(), z.number().optional()]), by: z.record(z.string(), z.json()) }),
  });
  defineJob({
    type: 'a',
    payload: z.object({
      any: z.any(),
      unknown: z.unknown(),
      loose: z.looseObject({ a: z.string() }),
      e: z.enum(['a', 'b']),
    }),
  });
  defineJob({
    type: 'a',
    payload: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('a') }),
      z.object({ kind: z.literal('b'), n: z.int() }),
    ]),
  });
  defineJob({
    type: 'a',
    payload: z.intersection(z.object({ a: z.string() }), z.object({ b: z.string().readonly() })),
  });
  defineJob({ type: 'a', payload: z.array(z.string().nullable()) });
  defineJob({ type: 'a', payload: z.null() });
  defineJob({ type: 'a', payload: folder });
  defineJob({ type: 'a', payload: node });
}

/** The payloads of other libraries are inferred like those of zod 4. */
export async function otherLibraries(database: Database) {
  const handler = async () => ({
    run: async ({ payload }: { payload: { readonly n: number; readonly at: Date } }) =>
      payload.at.getTime() + payload.n,
  });
  const jobs = [
    defineJob({
      type: 'zod_3',
      payload: z3.object({ n: z3.number().default(1), at: z3.string().transform((text) => new Date(text)) }),
      handler,
    }),
    defineJob({
      type: 'valibot',
      payload: v.object({
        n: v.optional(v.number(), 1),
        at: v.pipe(
          v.string(),
          v.transform((text) => new Date(text)),
        ),
      }),
      handler,
    }),
    defineJob({ type: 'arktype', payload: arktype({ n: 'number = 1', at: 'string.date.parse' }), handler }),
  ] as const;
  const queue = createQueue({ database, jobs });
  await queue.addJob('valibot', { at: '2026-12-01' });
  await queue.addJob('arktype', { at: '2026-12-01' });
  // @ts-expect-error a field is missing
  await queue.addJob('valibot', { n: 1 });
  // @ts-expect-error what the schema makes of it is not what it takes
  await queue.addJob('arktype', { at: new Date() });
  // @ts-expect-error a payload of another type
  await queue.addJob('zod_3', { at: '2026-12-01', n: 'one' });
  // @ts-expect-error a Date comes back as text
  defineJob({ type: 'a', payload: v.object({ at: v.date() }) });
  // @ts-expect-error a Date comes back as text
  defineJob({ type: 'a', payload: arktype({ at: 'Date' }) });
  // @ts-expect-error a Date comes back as text
  defineJob({ type: 'a', payload: z3.object({ at: z3.date() }) });
  // @ts-expect-error a handler of another payload
  defineJob({ type: 'a', payload: v.object({ n: v.number() }), handler });
  // @ts-expect-error no schema
  defineJob({ type: 'a', payload: { n: 'number' } });
}
