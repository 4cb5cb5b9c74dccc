/** onCompleted and onDeadLetter: one further job for each job that ends, enqueued by the statement that ends it. */
import { beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { describeEachDriver, describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { followUpsOf } from '../src/core/follow-up.ts';
import { cancelJob, continueWith, createQueue, defineJob, type Job, NonRetryableError, secret } from '../src/index.ts';
import type { Database } from '../src/postgres/connect.ts';
import { drainAll } from '../src/testing.ts';
import { CLAIM, news, outcome, send, sendBefore } from './played-exchange.ts';
import { emptyTables, endLeases, makeDue, rows } from './support.ts';

const payload = z.object({
  does: z.enum(['return', 'fail', 'fail_once', 'cancel', 'continue']),
  n: z.number().default(0),
  pad: z.string().optional(),
});
const ended = z.object({ id: z.string(), type: z.string(), payload: z.unknown(), omitted: z.boolean() });
const error = z.object({ name: z.string(), message: z.string(), code: z.string().nullable(), attempt: z.number() });

const work = defineJob({
  type: 'work',
  payload,
  onCompleted: 'done',
  onDeadLetter: 'died',
  handler: async () => ({
    run: async ({ payload: { does, n, pad }, job }) => {
      if (does === 'fail') throw Object.assign(new NonRetryableError(`failure ${n}`), { code: 'EWORK' });
      if (does === 'fail_once' && job.attempt === 1) throw new Error('not yet');
      if (does === 'cancel') return cancelJob('not wanted');
      if (does === 'continue' && job.state === null) return continueWith({});
      return { n, pad };
    },
  }),
});
const noop = async () => ({ run: async () => null });
const done = defineJob({
  type: 'done',
  payload: ended.extend({ result: z.unknown() }),
  queue: 'after',
  priority: 7,
  maxAttempts: 9,
  handler: noop,
});
const died = defineJob({ type: 'died', payload: ended.extend({ error }), handler: noop });
const plain = defineJob({ type: 'plain', payload, handler: noop });
const jobs = [work, done, died, plain];
const queueOn = (database: Database) => createQueue({ database, jobs, logJobs: 'none' });

interface FollowUp {
  readonly type: string;
  readonly queue: string;
  readonly priority: number;
  readonly max_attempts: number;
  readonly payload: { readonly id: string; readonly type: string; readonly payload: unknown };
  readonly meta: object | null;
}

/** All that were ever enqueued, in the order of the jobs that they follow. */
async function followUps(database: Database): Promise<FollowUp[]> {
  const columns = 'type, queue, priority, max_attempts, payload, meta';
  return rows(
    database,
    `select * from (select ${columns} from jobqueue.live_jobs union all select ${columns} from jobqueue.finished_jobs) every_job
     where type in ('done', 'died') order by (payload ->> 'id')::bigint`,
  );
}

const idsOf = (found: readonly FollowUp[]) => found.map((one) => one.payload.id);

describeEachDriver('a follow-up', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  test('is enqueued once for each job that completes or becomes a dead letter, and for no other', async () => {
    const queue = queueOn(setup.database);
    const added = await queue.addJobs(
      (['return', 'fail', 'fail_once', 'cancel', 'continue'] as const).map((does, n) => ({
        type: 'work',
        payload: { does, n },
      })),
    );
    await queue.addJob('plain', { does: 'return' });
    const report = await drainAll(queue, { onFailure: 'continue', includeDelayed: true });
    expect(report).toMatchObject({ completed: 3 + 4 + 1, deadLettered: 1, cancelled: 1 }); // the follow-ups ran, too
    const found = await followUps(setup.database);
    expect(found).toEqual([
      {
        type: 'done',
        queue: 'after',
        priority: 7,
        max_attempts: 9,
        meta: null,
        payload: {
          id: added[0]?.id,
          type: 'work',
          payload: { does: 'return', n: 0 },
          result: { n: 0 },
          omitted: false,
        },
      },
      {
        type: 'died',
        queue: 'default',
        priority: 0,
        max_attempts: 3,
        meta: null,
        payload: {
          id: added[1]?.id,
          type: 'work',
          payload: { does: 'fail', n: 1 },
          error: { name: 'NonRetryableError', message: 'failure 1', code: 'EWORK', attempt: 1 },
          omitted: false,
        },
      },
      expect.objectContaining({
        type: 'done',
        payload: expect.objectContaining({ id: added[2]?.id, result: { n: 2 } }),
      }),
      expect.objectContaining({
        type: 'done',
        payload: expect.objectContaining({ id: added[4]?.id, result: { n: 4 } }),
      }),
    ]);
  });

  test('is one, although the answer to the statement that ended its job is lost', async () => {
    const queue = queueOn(setup.database);
    const added = await queue.addJobs(
      Array.from({ length: 40 }, (_, n) => ({ type: 'work', payload: { does: n % 2 ? 'fail' : 'return', n } })),
    );
    const lost = setup.faults.loseAnswer((request) => request.includes('step_2') && /"followed":true/.test(request));
    await queue.drain({ budgetMs: 20_000, concurrency: 40 });
    await lost;
    expect(idsOf(await followUps(setup.database))).toEqual(added.map(({ id }) => id));
  });
});

describeOnOneDriver('a follow-up', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  /** A claim of the type, by a drain that knows what follows it. */
  const claim = { ...CLAIM, followUps: followUpsOf(new Map<string, Job>(jobs.map((job) => [job.type, job]))) ?? {} };
  const claimWork = async () => {
    const { jobs: claimed } = await send(setup.database, { claim });
    return claimed;
  };
  const enqueue = async (does: z.infer<typeof payload>['does'] = 'return', count = 1) =>
    (
      await queueOn(setup.database).addJobs(
        Array.from({ length: count }, (_, n) => ({ type: 'work' as const, payload: { does, n } })),
      )
    ).map(({ id }) => id);

  test('has its own result, of a batch whose jobs complete out of order and in parts', async () => {
    const ids = await enqueue('return', 5);
    const claimed = await claimWork();
    const at = (n: number) => claimed[n] ?? expect.unreachable();
    const { batch } = at(0);
    const done = (...places: number[]) => ({
      completed: [
        {
          batch,
          jobs: places.map((n) => ({ position: n + 1, ranMs: 1, endedAgoMs: 0, result: JSON.stringify(`of ${n}`) })),
        },
      ],
    });
    await send(setup.database, done(1, 3));
    await send(setup.database, done(0, 1, 3, 4)); // two of them were recorded before
    await send(setup.database, {
      settlements: [news(at(2), { to: 'dead_letter', error: { name: 'E', message: 'no', attempt: 1 } })],
    });
    const found = await followUps(setup.database);
    expect(idsOf(found)).toEqual(ids);
    expect(found.map((one) => ('result' in one.payload ? one.payload.result : one.type))).toEqual([
      'of 0',
      'of 1',
      'died',
      'of 3',
      'of 4',
    ]);
  });

  test('is no second one, if the statement is sent again or comes from a drain that lost the job', async () => {
    const [id] = await enqueue();
    const [mine] = await claimWork();
    const job = mine ?? expect.unreachable();
    await endLeases(setup.database);
    const [theirs] = await claimWork();
    const late = outcome(job, { to: 'completed', result: 'late' });
    expect((await send(setup.database, late)).lost).toEqual([job.place]);
    expect(await followUps(setup.database)).toEqual([]);
    const settled = outcome(theirs ?? expect.unreachable(), { to: 'completed', result: 'theirs' });
    for (const again of [false, true]) await send(setup.database, { ...settled, drain: { again } });
    expect(await followUps(setup.database)).toMatchObject([{ payload: { id, result: 'theirs' } }]);
  });

  test('comes for a job that killed three functions, although who convicts it knows nothing of its type', async () => {
    const [id] = await enqueue();
    for (let death = 1; death <= 3; death++) {
      await makeDue(setup.database);
      const [job] = await claimWork();
      await send(setup.database, { running: [news(job ?? expect.unreachable())] });
      await endLeases(setup.database);
    }
    const { crashed } = await send(setup.database, { claim: { ...CLAIM, types: { other: 60_000 } } });
    expect(crashed).toEqual([id]);
    expect(await followUps(setup.database)).toMatchObject([
      { type: 'died', payload: { id, type: 'work', error: { name: 'CrashedError', code: 'crashed', attempt: 3 } } },
    ]);
    await send(setup.database, { claim });
    expect(await followUps(setup.database)).toHaveLength(1);
  });

  test('comes for a job that killed three functions of the release before', async () => {
    const [id] = await enqueue();
    for (let death = 1; death <= 3; death++) {
      const { jobs: claimed } = await sendBefore(setup.database, { claim: {} });
      const [job] = claimed;
      if (job) await sendBefore(setup.database, { running: [{ id: job[0], fence: job[1] }] });
      await endLeases(setup.database);
    }
    for (let look = 0; look < 3; look++) await send(setup.database, { claim: { ...claim, suspects: true } });
    expect(await followUps(setup.database)).toMatchObject([{ type: 'died', payload: { id } }]);
  });

  test('comes again when its job was replayed and dies again', async () => {
    const queue = queueOn(setup.database);
    const [id = ''] = await enqueue('fail');
    await queue.drain({ budgetMs: 10_000 });
    await queue.replay({ ids: [id] }, { actor: 'ann' });
    await queue.drain({ budgetMs: 10_000 });
    expect(idsOf(await followUps(setup.database))).toEqual([id, id]);
  });

  test('of a child in a flow is no part of the flow', async () => {
    const queue = queueOn(setup.database);
    const flow = await queue.addFlow({
      type: 'work',
      payload: { does: 'return', n: 1 },
      children: [{ type: 'work', payload: { does: 'return', n: 2 } }],
    });
    await drainAll(queue);
    expect(idsOf(await followUps(setup.database))).toEqual([flow?.id, flow?.children[0]?.id]);
    expect(await queue.getJob(flow?.id ?? '')).toMatchObject({ status: 'COMPLETED' });
  });

  test('leaves out what is too large, so that its job can end', async () => {
    const queue = queueOn(setup.database);
    const pad = 'x'.repeat(140_000);
    const large = await queue.addJob('work', { does: 'fail', pad });
    const many = Array.from({ length: 20_000 }, () => 1e300); // 6 bytes each in JSON, 301 as Postgres prints them
    const [other] = await enqueue();
    await queue.drain({ budgetMs: 10_000, limit: 1 });
    const claimed = (await claimWork()).find((job) => job.id === other) ?? expect.unreachable();
    await send(setup.database, outcome(claimed, { to: 'completed', result: many }));
    expect(await followUps(setup.database)).toMatchObject([
      { payload: { id: large?.id, payload: null, error: { message: 'failure 0' }, omitted: true } },
      { payload: { id: other, payload: { n: 0 }, result: null, omitted: true } },
    ]);
    expect(await queue.getJob(other ?? '')).toMatchObject({ status: 'COMPLETED' });
  });

  test('goes on in the trace of its job', async () => {
    const traceparent = '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01';
    await rows(
      setup.database,
      `select from jobqueue.add_jobs(jsonb_build_array(jsonb_build_object('type', 'work', 'payload', '{"does": "return"}'::jsonb,
         'meta', jsonb_build_object('traceparent', $1::text, 'schedule', 's'))))`,
      traceparent,
    );
    await queueOn(setup.database).drain({ budgetMs: 10_000 });
    expect(await followUps(setup.database)).toMatchObject([{ meta: { traceparent } }]);
  });

  test('costs nothing where none is declared: neither claims nor outcomes say a word of it', async () => {
    const sent: string[] = [];
    const database: Database = {
      ...setup.database,
      execute: (statement, options) => {
        sent.push(JSON.stringify(statement.params));
        return setup.database.execute(statement, options);
      },
    };
    const queue = createQueue({ database, jobs: [plain] });
    await queue.addJob('plain', { does: 'return' });
    expect(await queue.drain({ budgetMs: 10_000 })).toMatchObject({ completed: 1 });
    expect(sent.filter((params) => /followUps|followed[^f]*true/.test(params))).toEqual([]);
    expect(await rows(setup.database, 'select follow from jobqueue.batches')).toEqual([{ follow: null }]);
  });

  test('is one for each of many jobs that eight drains run at once', async () => {
    const ids = await enqueue('return', 400);
    ids.push(...(await enqueue('fail', 100)));
    await Promise.all(Array.from({ length: 8 }, () => queueOn(setup.database).drain({ budgetMs: 20_000 })));
    await drainAll(queueOn(setup.database));
    expect(idsOf(await followUps(setup.database))).toEqual(ids.sort((a, b) => Number(a) - Number(b)));
  });

  test('people do not read the secrets of its job, and get them back where they edit the rest', async () => {
    const hushed = defineJob({
      type: 'hushed',
      payload: z.object({ to: z.string(), code: secret(z.string()) }),
      onDeadLetter: 'first',
      handler: async () => ({
        run: async () => {
          throw new NonRetryableError('no');
        },
      }),
    });
    const open = ended.extend({ error: z.unknown() });
    const dies = async () => ({
      run: async () => {
        throw new NonRetryableError('no');
      },
    });
    const first = defineJob({ type: 'first', payload: open, onDeadLetter: 'second', handler: dies });
    const second = defineJob({ type: 'second', payload: open, handler: dies });
    const queue = createQueue({ database: setup.database, jobs: [hushed, first, second], logJobs: 'none' });
    const added = await queue.addJob('hushed', { to: 'ada', code: 'hush' });
    await queue.drain({ budgetMs: 10_000 });
    const [dead] = (await queue.listJobs({ status: 'DEAD_LETTER', type: 'second' })).jobs;
    const stored = await queue.getJob(dead?.id ?? '');
    expect(stored?.payload).toMatchObject({ payload: { id: added?.id, payload: { to: 'ada', code: 'hush' } } });
    const shown = queue.redactPayload('second', stored?.payload);
    expect(shown).toMatchObject({ type: 'first', payload: { type: 'hushed', payload: { to: 'ada', code: '•••' } } });
    const unaware = createQueue({ database: setup.database, jobs: [defineJob({ type: 'second', payload: open })] });
    expect(unaware.redactPayload('second', stored?.payload)).toMatchObject({ type: 'first', payload: '•••' });
    await queue.replayWithPayload(dead?.id ?? '', JSON.parse(JSON.stringify(shown).replace('ada', 'ben')), {
      actor: 'ann',
    });
    expect((await queue.getJob(dead?.id ?? ''))?.payload).toMatchObject({
      payload: { payload: { to: 'ben', code: 'hush' } },
    });
  });
});

describe('createQueue', () => {
  const database = (): Database => {
    throw new Error('a declaration must not touch the database');
  };
  const follows = (type: string, next: { onCompleted?: string; onDeadLetter?: string }) =>
    defineJob({ type, payload: z.object({}), ...next }) as Job;
  const declare = (...list: readonly Job[]) => createQueue({ database, jobs: list });

  test('refuses a follow-up of a type that it does not have, by its name', () => {
    expect(() => declare(follows('a', { onDeadLetter: 'b' }), follows('c', {}))).toThrow(
      "defineJob('a'): onDeadLetter: expected one of a, c; got 'b'",
    );
    expect(() => follows('a', { onCompleted: 'no name' })).toThrow(/onCompleted: expected a name/);
    expect(() =>
      declare(follows('a', { onDeadLetter: 'b', onCompleted: 'c' }), follows('b', {}), follows('c', {})),
    ).not.toThrow();
  });

  test.each([
    ['of its own type', 'a → a', [['a', 'a']]],
    [
      'that lead back',
      'b → c → b',
      [
        ['a', 'b'],
        ['b', 'c'],
        ['c', 'b'],
      ],
    ],
    [
      'of two kinds that lead back',
      'b → a → b',
      [
        ['b', 'a', 'onCompleted'],
        ['a', 'b'],
      ],
    ],
  ] as const)('refuses follow-ups %s', (_name, circle, edges) => {
    const list = edges.map(([from, to, option = 'onDeadLetter']) => follows(from, { [option]: to }));
    expect(() => declare(...list)).toThrow(expect.objectContaining({ code: 'job_definition_invalid' }));
    expect(() => declare(...list)).toThrow(circle);
  });

  test('takes types that are followed by one and the same', () => {
    const list = [
      follows('a', { onDeadLetter: 'c', onCompleted: 'b' }),
      follows('b', { onDeadLetter: 'c', onCompleted: 'c' }),
      follows('c', {}),
    ];
    expect(() => declare(...list)).not.toThrow();
  });
});
