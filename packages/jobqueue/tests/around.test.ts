/** createQueue({ around }): functions of the app around every run of a handler. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { type Around, within } from '../src/core/around.ts';
import { cancelJob, continueWith, createQueue, defineJob, type JobContext, NonRetryableError } from '../src/index.ts';
import { drainAll, runJob } from '../src/testing.ts';
import { emptyTables, makeDue } from './support.ts';

const context = { job: { id: '1' } } as JobContext<unknown>;

describe('around a handler', () => {
  test('the first function is the outermost, and each has the context of the handler', async () => {
    const told: string[] = [];
    const contexts = new Set<unknown>();
    const named =
      (name: string): Around =>
      async (given, next) => {
        contexts.add(given);
        told.push(`${name} begins`);
        const value = await next();
        told.push(`${name} ends`);
        return `${name}(${value})`;
      };
    const run = async (given: unknown) => {
      contexts.add(given);
      told.push('handler');
      return 'result';
    };
    expect(await within([named('a'), named('b')], context, run)).toBe('a(b(result))');
    expect(told).toEqual(['a begins', 'b begins', 'handler', 'b ends', 'a ends']);
    expect([...contexts]).toEqual([context]);
  });

  test("next() rejects with the handler's very error, and what is thrown instead is the failure", async () => {
    const thrown = new Error('of the handler');
    const fails = async () => {
      throw thrown;
    };
    const seen: unknown[] = [];
    const sees: Around = (_, next) =>
      next().catch((error: unknown) => {
        seen.push(error);
        throw error;
      });
    await expect(within([sees], context, fails)).rejects.toBe(thrown);
    expect(seen).toEqual([thrown]);
    const other = new NonRetryableError('another');
    const replaces: Around = (_, next) => next().catch(() => Promise.reject(other));
    await expect(within([replaces], context, fails)).rejects.toBe(other);
    expect(await within([(_, next) => next().catch(() => 'mended')], context, fails)).toBe('mended');
    const odd = (() => {
      throw thrown;
    }) as unknown as Around;
    await expect(within([odd], context, fails)).rejects.toBe(thrown); // before its first promise
  });

  test('a second next() is refused, and the handler has run once', async () => {
    const run = vi.fn(async () => 1);
    const twice: Around = async (_, next) => [await next(), await next()];
    await expect(within([twice], context, run)).rejects.toThrow('next() was called twice in one run');
    const retries: Around = async (_, next) => next().catch(next);
    const fails = vi.fn(() => Promise.reject(new Error('no')));
    await expect(within([retries], context, fails)).rejects.toThrow('next() was called twice in one run');
    expect([run, fails].map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
  });

  test('without next() the handler does not run, and the value is the result', async () => {
    const run = vi.fn(async () => 1);
    expect(await within([async () => 'skipped'], context, run)).toBe('skipped');
    let later: (() => Promise<unknown>) | undefined;
    const keeps: Around = async (_, next) => {
      later = next;
    };
    await within([keeps], context, run);
    await expect(later?.()).rejects.toThrow('next() was called after');
    expect(run).not.toHaveBeenCalled();
  });

  test('nothing of a run outlives its outcome: one that does not await next() waits for the handler, and fails', async () => {
    let end: (error?: Error) => void = () => undefined;
    const handler = () =>
      new Promise((resolve, refuse) => {
        end = (error) => (error ? refuse(error) : resolve(1));
      });
    const drops: Around = async (_, next) => void next();
    for (const error of [undefined, new Error('of a handler that nobody awaits')]) {
      let isOver = false;
      const run = within([drops], context, handler).finally(() => {
        isOver = true;
      });
      run.catch(() => undefined);
      await new Promise((resolve) => setImmediate(resolve));
      expect(isOver).toBe(false);
      end(error);
      await expect(run).rejects.toThrow('returned before next() had ended');
    }
    const gaveUp = new Error('tired of waiting');
    const races: Around = (_, next) => Promise.race([next(), Promise.reject(gaveUp)]);
    const run = within([races], context, handler);
    await new Promise((resolve) => setImmediate(resolve));
    end();
    await expect(run).rejects.toBe(gaveUp);
  });
});

const payload = z.object({ tenant: z.string(), does: z.enum(['result', 'slice', 'cancel', 'fail', 'late', 'wait']) });

describeOnOneDriver('around in a drain', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  const tenant = new AsyncLocalStorage<string>();
  const mail = defineJob({
    type: 'mail',
    payload,
    timeout: 200,
    handler: async () => ({
      run: async ({ payload: { does }, job, signal }) => {
        await new Promise((resolve) => setImmediate(resolve));
        if (does === 'slice' && job.state === null) return continueWith({ of: tenant.getStore() });
        if (does === 'cancel') return cancelJob(`of ${tenant.getStore()}`);
        if (does === 'fail') throw new NonRetryableError(`of ${tenant.getStore()}`);
        if (does === 'wait')
          return new Promise((_, refuse) => signal.addEventListener('abort', () => refuse(signal.reason)));
        return { tenant: tenant.getStore(), state: job.state };
      },
    }),
  });
  const queueOf = (around: Around<z.infer<typeof payload>>) =>
    createQueue({ database: setup.database, jobs: [mail], around, logJobs: 'none' });

  test("a tenant's context reaches every handler, among many at once, and every outcome is kept", async () => {
    const queue = queueOf((given, next) => tenant.run(given.payload.tenant, next));
    const added = await queue.addJobs(
      (['result', 'slice', 'cancel', 'fail'] as const).flatMap((does) =>
        ['ann', 'ben', 'cyd'].map((name) => ({ type: 'mail' as const, payload: { tenant: name, does } })),
      ),
    );
    await drainAll(queue, { onFailure: 'continue' });
    const found = await Promise.all(added.map(({ id }) => queue.getJob(id)));
    expect(found.map((job) => job?.result ?? job?.errors.at(-1)?.message)).toEqual(
      [
        (name: string): unknown => ({ tenant: name, state: null }),
        (name: string) => ({ tenant: name, state: { of: name } }),
        (name: string) => `of ${name}`,
        (name: string) => `of ${name}`,
      ].flatMap((of) => ['ann', 'ben', 'cyd'].map((name) => of(name))),
    );
    expect(found.map((job) => job?.status)).toEqual(
      ['COMPLETED', 'COMPLETED', 'CANCELLED', 'DEAD_LETTER'].flatMap((status) => [status, status, status]),
    );
  });

  test('what it returns is the outcome, what it throws is the failure; signal and deadline are those of the handler', async () => {
    const signals: AbortSignal[] = [];
    const queue = queueOf(async ({ payload: { does }, job, signal, deadline }, next) => {
      signals.push(signal);
      expect(deadline.getTime() - Date.now()).toBeLessThanOrEqual(200);
      if (does === 'late') return job.state === null ? continueWith({ from: 'around' }) : { state: job.state };
      if (does === 'cancel') throw new Error(`first ${JSON.stringify(await next())}`);
      return next();
    });
    const add = async (does: z.infer<typeof payload>['does']) =>
      (await queue.addJob('mail', { tenant: 'ann', does }, { maxAttempts: 1 }))?.id ?? '';
    const [late, cancelled, waits] = [await add('late'), await add('cancel'), await add('wait')];
    await queue.drain({ budgetMs: 10_000 });
    await makeDue(setup.database);
    await queue.drain({ budgetMs: 10_000 });
    expect(await queue.getJob(late)).toMatchObject({ status: 'COMPLETED', result: { state: { from: 'around' } } });
    expect(await queue.getJob(cancelled)).toMatchObject({
      status: 'DEAD_LETTER',
      errors: [{ message: expect.stringMatching(/^first/) }],
    });
    expect(await queue.getJob(waits)).toMatchObject({ status: 'DEAD_LETTER', errors: [{ name: 'TimeoutError' }] });
    expect(signals.filter(({ aborted }) => aborted)).toHaveLength(1);
  });

  test('a payload that no longer fits does not reach it', async () => {
    const around = vi.fn<Around>((_, next) => next());
    const before = createQueue({
      database: setup.database,
      jobs: [defineJob({ type: 'mail', payload: z.object({}) })],
    });
    const added = await before.addJob('mail', {});
    await queueOf(around).drain({ budgetMs: 10_000 });
    expect(await before.getJob(added?.id ?? '')).toMatchObject({ errors: [{ code: 'payload_invalid' }] });
    expect(around).not.toHaveBeenCalled();
  });

  test('runJob runs it, too, and rejects with its very error', async () => {
    const around: Around = ({ payload: given }, next) => tenant.run((given as { tenant: string }).tenant, next);
    const given = { tenant: 'ann', does: 'result' } as const;
    expect(await runJob(mail, given, { around })).toMatchObject({ result: { tenant: 'ann' } });
    const error = new Error('of around');
    const fails: Around = () => Promise.reject(error);
    await expect(runJob(mail, given, { around: [around, fails] })).rejects.toBe(error);
    await expect(runJob(mail, given, { around: {} as Around })).rejects.toThrow('runJob: around: expected a function');
  });

  test('createQueue takes one function or a list of at most 32', () => {
    const of = (around: unknown) =>
      createQueue({ database: setup.database, jobs: [mail], around: around as readonly Around[] });
    const around: Around = (_, next) => next();
    expect(() => of('log')).toThrow("createQueue: around: expected a function, got 'log'");
    expect(() => of(null)).toThrow('createQueue: around: expected a function, got null');
    expect(() => of([around, 5])).toThrow('createQueue: around[1]: expected a function, got 5');
    expect(() => of(Array.from({ length: 33 }, () => around))).toThrow('around: expected at most 32 functions, got 33');
    expect(() => of([])).not.toThrow();
  });
});
