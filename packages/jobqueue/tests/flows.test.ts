/** Flows: a parent runs once its children have completed, whoever drains, whatever fails, is cancelled, dies or comes twice. */
import { beforeEach, describe, expect, test } from 'vitest';
import { describeEachDriver } from '../../../tests/support/drivers.ts';
import { emptied } from '../../../tests/support/empty.ts';
import type { ClaimedJob } from '../src/core/claimed-job.ts';
import type { Child, FlowIds } from '../src/index.ts';
import { CLAIM, claimOne, news, outcome, send, sendBefore } from './played-exchange.ts';
import {
  counting,
  emptyTables,
  endLeases,
  queueOf,
  rows,
  statuses,
  type Work,
  type WorkContext,
  witness,
  works,
} from './support.ts';

const ANN = { actor: 'ann' };
const node = (n: number, mode: Work['mode'] = 'noop') => ({ type: 'work' as const, payload: { mode, n } });
const idsOf = ({ id, children }: FlowIds): string[] => [id, ...children.flatMap(idsOf)];

async function readChildren(context: WorkContext): Promise<Child[]> {
  const found: Child[] = [];
  for await (const child of context.children()) found.push(child);
  return found;
}

describeEachDriver('a flow', (setup) => {
  beforeEach(async () => {
    await emptyTables(setup.database);
    await rows(setup.database, emptied('jobqueue.flows'));
  });

  const dueOf = async (id: string) =>
    (
      await rows<{ waits: boolean }>(
        setup.database,
        'select due_at = jobqueue.waits_for_children() as waits from jobqueue.jobs where id = $1',
        id,
      )
    )[0]?.waits;

  test('is enqueued in one statement, and runs from its leaves to its root', async () => {
    const { database, statements } = counting(setup.database);
    const { queue, seen } = queueOf(database);
    const flow = await queue.addFlow({
      ...node(0),
      children: [
        { ...node(1), children: [node(3), node(4)] },
        { ...node(2), options: { priority: 0 } },
      ],
    });
    expect(statements).toHaveLength(1);
    expect(flow).toEqual({
      id: expect.any(String),
      children: [
        { id: expect.any(String), children: [expect.anything(), expect.anything()] },
        { id: expect.any(String), children: [] },
      ],
    });
    expect(await queue.getJob(flow?.id ?? '')).toMatchObject({ status: 'PENDING', waitsForChildren: true });
    const report = await queue.drain({ budgetMs: 10_000, concurrency: 1 });
    expect(report).toMatchObject({ claimed: 5, completed: 5, lost: 0, stopReason: 'empty', nextDueInMs: null });
    expect(seen.order.slice(0, 3).sort()).toEqual([2, 3, 4]);
    expect(seen.order.slice(3)).toEqual([1, 0]);
    expect(await queue.getJob(flow?.id ?? '')).toMatchObject({ status: 'COMPLETED', waitsForChildren: false });
  });

  test('a parent reads what its children came to, in their order, page by page', async () => {
    const { queue, seen } = queueOf(setup.database);
    const found: Child[] = [];
    seen.onStart = async (context) => {
      seen.results.set(context.payload.n ?? 0, { n: context.payload.n });
      if (context.payload.n === 0) found.push(...(await readChildren(context)));
    };
    await queue.addFlow({ ...node(0), children: Array.from({ length: 250 }, (_, n) => node(n + 1, 'return')) });
    await queue.drain({ budgetMs: 20_000, concurrency: 20 });
    expect(found.map(({ result }) => (result as { n: number }).n)).toEqual(
      Array.from({ length: 250 }, (_, n) => n + 1),
    );
    expect(new Set(found.map(({ status, type, error }) => `${status} ${type} ${error}`))).toEqual(
      new Set(['COMPLETED work null']),
    );
  });

  test('four drains run each of many parents once, and after all of its children', async () => {
    const seen = witness();
    const tooEarly: string[] = [];
    seen.onStart = async (context) => {
      if (context.payload.mode !== 'sleep') return;
      for (const child of await readChildren(context)) if (child.status !== 'COMPLETED') tooEarly.push(child.id);
    };
    const { queue } = queueOf(setup.database, seen);
    const flows = await Promise.all(
      Array.from({ length: 25 }, (_, flow) =>
        queue.addFlow({
          ...node(flow, 'sleep'),
          children: Array.from({ length: 12 }, (_, n) => ({ ...node(n), options: { priority: n % 3 } })),
        }),
      ),
    );
    await Promise.all(
      Array.from({ length: 4 }, () => queueOf(setup.connect(), seen).queue.drain({ budgetMs: 30_000, maxBatch: 7 })),
    );
    while ((await queue.drain({ budgetMs: 10_000 })).claimed > 0); // a parent may be let go when the last drain has looked
    expect(await statuses(setup.database)).toEqual({ COMPLETED: 25 * 13 });
    expect(tooEarly).toEqual([]);
    expect(flows.flatMap((flow) => idsOf(flow as FlowIds)).map((id) => seen.starts.get(id))).toEqual(
      Array.from({ length: 25 * 13 }, () => 1),
    );
  });

  test('the due time of a parent counts once its children are done', async () => {
    const { queue } = queueOf(setup.database);
    const at = new Date(Date.now() + 3_600_000);
    const flow = await queue.addFlow({ ...node(0), options: { scheduledFor: at }, children: [node(1)] });
    await queue.drain({ budgetMs: 5_000 });
    const parent = await queue.getJob(flow?.id ?? '');
    expect(parent).toMatchObject({ status: 'PENDING', waitsForChildren: false, scheduledFor: at });
  });

  describe('a child that fails for good', () => {
    test('keeps its parent waiting until it was replayed and completes', async () => {
      const { queue, seen } = queueOf(setup.database);
      const flow = await queue.addFlow({ ...node(0), children: [node(1, 'fail_for_good'), node(2)] });
      expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ completed: 1, deadLettered: 1 });
      expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ claimed: 0 });
      const [dead] = flow?.children ?? [];
      expect(await queue.related(flow?.id ?? '')).toMatchObject({
        parent: null,
        childrenTotal: 2,
        children: [
          { id: dead?.id, type: 'work', status: 'DEAD_LETTER', waits: true },
          { status: 'COMPLETED', waits: false },
        ],
      });
      expect((await queue.related(dead?.id ?? '')).parent).toEqual({
        id: flow?.id,
        type: 'work',
        status: 'PENDING',
        waits: true,
      });
      await queue.replayWithPayload(dead?.id ?? '', node(1).payload, ANN);
      await queue.drain({ budgetMs: 5_000 });
      expect(seen.order.at(-1)).toBe(0);
      expect(await statuses(setup.database)).toEqual({ COMPLETED: 3 });
    });

    test('does not keep a parent that is to run however its children end', async () => {
      const { queue, seen } = queueOf(setup.database);
      const found: Child[] = [];
      seen.onStart = async (context) => {
        if (context.payload.n === 0) found.push(...(await readChildren(context)));
      };
      await queue.addFlow({
        ...node(0),
        whenChildFails: 'run',
        children: [node(1, 'fail_for_good'), node(2, 'cancel'), node(3)],
      });
      await queue.drain({ budgetMs: 5_000 });
      expect(found).toMatchObject([
        { status: 'DEAD_LETTER', error: { name: 'NonRetryableError', message: 'no use' } },
        { status: 'CANCELLED', error: { message: 'not wanted any more' } },
        { status: 'COMPLETED', error: null },
      ]);
      expect(await statuses(setup.database)).toEqual({ COMPLETED: 2, DEAD_LETTER: 1, CANCELLED: 1 });
    });

    test('because it kills its functions, counts as failed', async () => {
      const { queue } = queueOf(setup.database);
      await queue.addFlow({ ...node(0), whenChildFails: 'run', children: [node(1)] });
      await rows(
        setup.database,
        "update jobqueue.jobs set rescues = 2 where due_at < 'infinity' and payload ->> 'n' = '1'",
      );
      const [victim] = (await send(setup.database, { claim: { ...CLAIM, idle: true } })).jobs;
      await send(setup.database, { running: [news(victim as ClaimedJob, { ranMs: 1 })] });
      await endLeases(setup.database);
      expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ completed: 1 });
      expect(await statuses(setup.database)).toEqual({ DEAD_LETTER: 1, COMPLETED: 1 });
    });
  });

  describe('an operator', () => {
    test('cancels a child: its parent waits, or runs if it is to', async () => {
      const { queue } = queueOf(setup.database);
      const waits = await queue.addFlow({ ...node(0), children: [node(1)] });
      const runs = await queue.addFlow({ ...node(2), whenChildFails: 'run', children: [node(3)] });
      const ids = [waits, runs].map((flow) => flow?.children[0]?.id ?? '');
      await queue.cancel({ ids }, { ...ANN, reason: 'wrong' });
      expect([await dueOf(waits?.id ?? ''), await dueOf(runs?.id ?? '')]).toEqual([true, false]);
    });

    test('cancels a parent: its children go on, and a replay of it waits for them again', async () => {
      const { queue } = queueOf(setup.database);
      const flow = await queue.addFlow({ ...node(0), children: [node(1)] });
      await queue.cancel({ ids: [flow?.id ?? ''] }, { ...ANN, reason: 'wrong' });
      await queue.replay({ ids: [flow?.id ?? ''] }, { ...ANN, statuses: ['CANCELLED'] });
      expect(await dueOf(flow?.id ?? '')).toBe(true);
      await queue.drain({ budgetMs: 5_000 });
      expect(await statuses(setup.database)).toEqual({ COMPLETED: 2 });
    });

    test('reschedules many: who waits is left alone; by its id a parent runs all the same', async () => {
      const { queue } = queueOf(setup.database);
      const flow = await queue.addFlow({ ...node(0), children: [node(1, 'fail_for_good')] });
      const to = { delayMs: 0 };
      expect(await queue.reschedule({ type: 'work' }, { ...ANN, to })).toMatchObject({
        changed: 1,
        skipped: 1,
        done: true,
      });
      await queue.drain({ budgetMs: 5_000 });
      expect(await queue.reschedule({ ids: [flow?.id ?? ''] }, { ...ANN, to })).toMatchObject({
        changed: 1,
        skipped: 0,
      });
      await queue.drain({ budgetMs: 5_000 });
      expect(await statuses(setup.database)).toEqual({ DEAD_LETTER: 1, COMPLETED: 1 });
    });
  });

  test('a settlement that comes twice lets its parent go once', async () => {
    const { queue, seen } = queueOf(setup.database);
    const flow = await queue.addFlow({ ...node(0), children: [node(1)] });
    const child = await claimOne(setup.database);
    expect(child.meta).toEqual({ parent: flow?.id });
    const settled = outcome(child, { to: 'completed' });
    await send(setup.database, settled);
    expect(await dueOf(flow?.id ?? '')).toBe(false);
    const [at] = await rows<{ due_at: string }>(setup.database, 'select due_at::text from jobqueue.jobs');
    await send(setup.database, { ...settled, drain: { again: true } });
    expect(await rows(setup.database, 'select due_at::text from jobqueue.jobs')).toEqual([at]);
    await queue.drain({ budgetMs: 5_000 });
    expect(seen.order).toEqual([0]);
  });

  test('a drain of before flows, which names its jobs by their fences, lets a parent go as well', async () => {
    const { queue } = queueOf(setup.database);
    const flow = await queue.addFlow({ ...node(0), children: [node(1)] });
    const { jobs } = await sendBefore(setup.database, { claim: {} });
    expect(await sendBefore(setup.database, { completed: jobs })).toMatchObject({ lost: [] });
    expect(await dueOf(flow?.id ?? '')).toBe(false);
  });

  test('of two children that end at once, the later commit lets the parent go', async () => {
    const { queue } = queueOf(setup.database);
    const flow = await queue.addFlow({ ...node(0), children: [node(1), node(2)] });
    const { jobs } = await send(setup.database, { claim: CLAIM });
    expect(jobs).toHaveLength(2);
    await Promise.all(jobs.map((job) => send(setup.connect(), outcome(job, { to: 'completed' }))));
    expect(await dueOf(flow?.id ?? '')).toBe(false);
  });

  test('the key of the first job is the whole flow’s: a second one adds nothing', async () => {
    const { queue } = queueOf(setup.database);
    const flow = () => queue.addFlow({ ...node(0), options: { idempotencyKey: 'daily' }, children: [node(1)] });
    expect(await flow()).not.toBeNull();
    expect(await flow()).toBeNull();
    expect(await statuses(setup.database)).toEqual({ PENDING: 2 });
  });

  test('in a transaction it is there with the rest, or not at all', async () => {
    const { queue } = queueOf(setup.database);
    if (setup.driver === 'neon-http') {
      const refused = queue.addFlow({ ...node(0), children: [node(1)] }, { transaction: setup.database as never });
      await expect(refused).rejects.toMatchObject({ code: 'transaction_unsupported' });
    } else {
      const undone = setup.database.transaction(async (transaction) => {
        await queue.addFlow({ ...node(0), children: [node(1)] }, { transaction });
        throw new Error('no');
      });
      await expect(undone).rejects.toThrow('no');
    }
    expect(await rows(setup.database, 'select 1 from jobqueue.jobs union all select 1 from jobqueue.flows')).toEqual(
      [],
    );
  });

  test('what is wrong with any of its jobs is named with its place, and nothing is written', async () => {
    const { queue } = queueOf(setup.database);
    const refused = async (flow: object) => queue.addFlow(flow as Parameters<typeof queue.addFlow>[0]).catch((e) => e);
    const deep = {
      ...node(0),
      children: [node(1), { ...node(2), children: [{ type: 'work', payload: { mode: 'x' } }] }],
    };
    expect(await refused(deep)).toMatchObject({
      code: 'payload_invalid',
      issues: [{ path: 'children[1].children[0].payload.mode' }],
    });
    const keyed = { ...node(0), children: [{ ...node(1), options: { idempotencyKey: 'k' } }] };
    expect(await refused(keyed)).toMatchObject({
      code: 'option_invalid',
      issues: [{ path: 'children[0].options.idempotencyKey' }],
    });
    expect(await refused(node(0))).toMatchObject({ code: 'option_invalid', issues: [{ path: 'children' }] });
    expect(await refused({ ...node(0), whenChildFails: 'hope', children: [node(1)] })).toMatchObject({
      issues: [{ path: 'whenChildFails', message: "expected 'wait' or 'run', got 'hope'" }],
    });
    expect(await refused({ ...node(0), children: works(1_000) })).toMatchObject({ code: 'batch_too_large' });
    const loop: { children: object[] } & object = { ...node(0), children: [] };
    loop.children.push(loop);
    expect(await refused(loop)).toMatchObject({ code: 'batch_too_large' });
    expect(await rows(setup.database, 'select 1 from jobqueue.jobs')).toEqual([]);
  });

  test.each([
    ['no array', '{}'],
    ['one job', '[{"type": "work"}]'],
    ['a child without parent', '[{"type": "work"}, {"type": "work"}]'],
    ['a child before its parent', '[{"type": "work"}, {"type": "work", "parent": 1}]'],
    ['a child with a key', '[{"type": "work"}, {"type": "work", "parent": 0, "idempotency_key": "k"}]'],
  ])('SQL refuses %s', async (_, jobs) => {
    await expect(rows(setup.database, 'select * from jobqueue.add_flow_1($1::jsonb)', jobs)).rejects.toMatchObject({
      code: '22023',
    });
    expect(await rows(setup.database, 'select 1 from jobqueue.jobs')).toEqual([]);
  });

  test('retention keeps a child that is waited for, and forgets a flow with its parent', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addFlow({ ...node(0), children: [node(1, 'fail_for_good')] });
    const done = await queue.addFlow({ ...node(2), children: [node(3)] });
    await queue.drain({ budgetMs: 5_000 });
    for (const [table, ...columns] of [
      ['job_history', 'created_at', 'finished_at'],
      ['batches', 'claimed_at'],
      ['settlements', 'at'],
    ]) {
      const aged = columns.map((column) => `${column} = ${column} - interval '2 years'`);
      await rows(setup.database, `update jobqueue.${table} set ${aged}`);
    }
    await queue.prune();
    expect(await statuses(setup.database)).toEqual({ PENDING: 1, DEAD_LETTER: 1 });
    expect(await rows(setup.database, 'select 1 from jobqueue.flows')).toHaveLength(1);
    expect(await queue.getJob(done?.id ?? '')).toBeNull();
  });

  test('a child that was deleted by hand counts as failed, and a parent that was forgets its children', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    const runs = await queue.addFlow({
      ...node(0),
      whenChildFails: 'run',
      children: [node(1, 'fail_for_good'), node(2)],
    });
    const waits = await queue.addFlow({ ...node(3), children: [node(4)] });
    const orphans = await queue.addFlow({ ...node(5), children: [node(6)] });
    const ids = [runs?.children[1]?.id, waits?.children[0]?.id, orphans?.id];
    await rows(database, 'delete from jobqueue.jobs where id = any($1::bigint[])', `{${ids.join(',')}}`);
    expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ completed: 1, deadLettered: 1 }); // those that wait for nobody
    await queue.prune();
    expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ completed: 1 });
    expect(await queue.getJob(runs?.id ?? '')).toMatchObject({ status: 'COMPLETED' });
    expect(await queue.getJob(waits?.id ?? '')).toMatchObject({ status: 'PENDING', waitsForChildren: true });
    await queue.reschedule({ ids: [waits?.id ?? ''] }, { actor: 'ann', to: { delayMs: 0 } });
    expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ completed: 1 });
    const parents = await rows<{ parent_id: string }>(
      database,
      'select distinct parent_id::text from jobqueue.flows order by 1',
    );
    expect(parents.map(({ parent_id }) => parent_id)).toEqual([runs?.id, waits?.id].sort());
  });

  test('a lost answer to the last child’s settlement does not lose its parent', async () => {
    const { queue, seen } = queueOf(setup.database);
    await queue.addFlow({ ...node(0), children: works(20) });
    const lost = setup.faults.loseAnswer('"flowed":true');
    await queue.drain({ budgetMs: 20_000 });
    await lost;
    expect(await statuses(setup.database)).toEqual({ COMPLETED: 21 });
    expect(new Set(seen.starts.values())).toEqual(new Set([1]));
  });
});
