/** Activities that processes begin: drains by ticks, enqueues alone and in transactions, flows, and an operator in between. */
import { QueueError } from '../../src/index.ts';
import { RateLimiter } from '../../src/rate-limits/limiter.ts';
import type { SimulatedProcess } from './process.ts';
import { LIMIT, MODES, type SimulatedQueue, TYPES } from './work.ts';
import type { World } from './world.ts';

/** Processes that a world begins with. */
export const SETUP = 3;

const BY = { actor: 'operator', reason: 'because' };
const KEYS = ['k1', 'k2', 'k3'] as const;

/** Begins something, in one of the processes that are awake. */
export async function startActor(world: World): Promise<void> {
  const { choices } = world;
  const process = choices.of(world.awake as unknown as [SimulatedProcess]);
  const begin = choices.weighed<(world: World, process: SimulatedProcess) => void>([
    [10, drain],
    [3, twoDrains],
    [10, enqueue],
    [3, enqueueInTransaction],
    [3, flow],
    [2, siblingsApart],
    [2, limitedBurst],
    [3, operate],
  ]);
  begin(world, process);
}

function drain(world: World, process: SimulatedProcess): void {
  const { choices } = world;
  const budgetMs = choices.of([40_000, 10_000, 2_000]);
  const concurrency = choices.of([10, 2, 1]);
  const limit = choices.of([undefined, undefined, 3]);
  world.act(process, `drain ${budgetMs} ${concurrency} ${limit ?? ''}`, (queue) =>
    queue.drain({ source: 'cron', budgetMs, concurrency, ...(limit !== undefined && { limit }) }),
  );
}

/** A tick that came twice. */
function twoDrains(world: World, process: SimulatedProcess): void {
  drain(world, process);
  drain(world, world.choices.of(world.awake as unknown as [SimulatedProcess]));
}

function enqueue(world: World, process: SimulatedProcess): void {
  const jobs = someJobs(world);
  world.act(process, `addJobs ${JSON.stringify(jobs)}`, async (queue) => {
    const added = await queue.addJobs(jobs);
    world.model.accepted(added.filter(({ duplicate }) => !duplicate).map(({ id }) => id));
  });
}

function enqueueInTransaction(world: World, process: SimulatedProcess): void {
  const jobs = someJobs(world);
  const isDropped = world.choices.below(4) === 3;
  const dropped = new QueueError('option_invalid', 'the caller changed its mind');
  world.act(
    process,
    `addJobs in a transaction${isDropped ? ' that is rolled back' : ''} ${JSON.stringify(jobs)}`,
    async (queue) => {
      try {
        await process.database.transaction(async (transaction) => {
          await queue.addJobs(jobs, { transaction });
          if (isDropped) throw dropped;
        });
      } catch (error) {
        if (error !== dropped) throw error;
      }
    },
  );
}

function flow(world: World, process: SimulatedProcess): void {
  const { choices } = world;
  const mode = () => choices.of(['noop', 'sleep', 'fail', 'fatal', 'slices'] as const);
  const whenChildFails = choices.of(['wait', 'run'] as const);
  const children = Array.from({ length: 1 + choices.below(3) }, () => ({
    type: choices.of(['plain', 'long'] as const),
    payload: { mode: mode(), n: choices.below(3) },
  }));
  world.act(process, `addFlow ${JSON.stringify(children)} ${whenChildFails}`, (queue) =>
    queue.addFlow({ type: 'plain', payload: { mode: 'noop' }, whenChildFails, children }),
  );
}

/** Two children of one parent, each in a drain of its own. */
function siblingsApart(world: World, process: SimulatedProcess): void {
  const other = world.choices.of(world.awake as unknown as [SimulatedProcess]);
  const child = { type: 'plain', payload: { mode: 'noop' } } as const;
  const options = { priority: 10 };
  world.act(process, 'addFlow of two', async (queue) => {
    await queue.addFlow({
      ...child,
      children: [
        { ...child, options },
        { ...child, options },
      ],
    });
    for (const one of [process, other])
      world.act(one, 'drain of one', (its) => its.drain({ budgetMs: 10_000, limit: 1 }));
  });
}

/** More at once than the limit lets through, while another process takes tokens that it does not use. */
function limitedBurst(world: World, process: SimulatedProcess): void {
  const borrower = world.choices.of(world.awake as unknown as [SimulatedProcess]);
  world.act(process, 'addJobs of a limited type', async (queue) => {
    await queue.addJobs(
      Array.from({ length: 16 }, () => ({ type: 'limited' as const, payload: { mode: 'noop' as const } })),
    );
    world.act(borrower, 'borrow tokens', () => borrowTokens(borrower));
    world.act(process, 'drain', (its) => its.drain({ budgetMs: 10_000 }));
  });
}

async function borrowTokens(process: SimulatedProcess): Promise<void> {
  const limiter = new RateLimiter(
    () => process.database,
    () => undefined,
  );
  const entry = { key: 'limited', limit: LIMIT, returning: false, maxWaitMs: 1_000, changed: () => undefined };
  await limiter.during(async () => {
    const waiters = Array.from({ length: 8 }, () => limiter.acquire(entry));
    await new Promise((resolve) => setTimeout(resolve, 200));
    for (const waiter of waiters) limiter.release(waiter);
  });
}

function operate(world: World, process: SimulatedProcess): void {
  const { choices } = world;
  const type = choices.of(TYPES);
  const key = choices.of(KEYS);
  const operation = choices.of<readonly [string, (queue: SimulatedQueue) => Promise<unknown>]>([
    ['replay', (queue) => queue.replay({ type }, BY)],
    ['cancel', (queue) => queue.cancel({ type }, BY)],
    ['setPriority', (queue) => queue.setPriority({ type }, { ...BY, priority: 5 })],
    ['reschedule', (queue) => queue.reschedule({ type }, { ...BY, to: { delayMs: 4_000 } })],
    ['update', (queue) => queue.update({ type, idempotencyKey: key }, { priority: 9, delayMs: 2_000 }, BY)],
    ['pause', (queue) => queue.pause({ type }, BY)],
    ['resume', (queue) => queue.resume({ type }, BY)],
    ['replay all', (queue) => queue.replay({ type }, { ...BY, statuses: ['DEAD_LETTER', 'CANCELLED'], due: 'now' })],
  ]);
  world.act(process, `${operation[0]} ${type}`, operation[1]);
}

function someJobs(world: World) {
  const { choices } = world;
  return Array.from({ length: 1 + choices.below(5) }, () => {
    const mode = choices.of(MODES);
    const key = choices.below(4) === 3 ? choices.of(KEYS) : null;
    const delayMs = choices.of([0, 0, 1_500, 12_000]);
    const priority = choices.of([undefined, undefined, undefined, 9]);
    return {
      type: choices.of(TYPES),
      payload: { mode, n: choices.below(4) },
      options: {
        ...(key !== null && { idempotencyKey: key }),
        ...(delayMs > 0 && { delayMs }),
        ...(priority !== undefined && { priority }),
      },
    };
  });
}
