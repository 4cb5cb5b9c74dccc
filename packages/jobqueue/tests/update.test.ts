/** Changes of jobs that wait: what a run then sees, what is left alone, and who wins against a claim. */
import { beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { createQueue, defineJob, HIDDEN, type JobContext, secret } from '../src/index.ts';
import type { Database } from '../src/postgres/connect.ts';
import { CLAIM, send } from './played-exchange.ts';
import { emptyTables, rows } from './support.ts';

const ANN = { actor: 'ann', reason: 'a typo' };
const letter = z.object({ to: z.string().min(1), copy: z.string(), pin: secret(z.string()).optional() });
type Letter = z.infer<typeof letter>;

/** A queue of letters, and those that were sent: id and payload. */
function letters(database: Database) {
  const sent: { readonly id: string; readonly payload: Letter; readonly priority: number }[] = [];
  const run = async ({ payload, job }: JobContext<Letter>) => {
    sent.push({ id: job.id, payload, priority: job.priority });
    if (payload.to === 'nobody') throw new Error('nobody');
  };
  const queue = createQueue({
    database,
    logJobs: 'none',
    jobs: [defineJob({ type: 'send', payload: letter, handler: async () => ({ run }) })],
  });
  const add = async (to: string, options = {}) =>
    (await queue.addJob('send', { to, copy: to, pin: '1234' }, options))?.id ?? expect.unreachable();
  return { queue, sent, add };
}

describeOnOneDriver('an update', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  test('gives a job that waits another payload, priority and due time, and its run sees them', async () => {
    const { queue, sent, add } = letters(setup.database);
    const [first, second] = [await add('ann'), await add('bob', { delayMs: 3_600_000 })];
    const changes = { payload: { to: 'eve', copy: 'eve' }, priority: 9, delayMs: 0 };
    expect(await queue.update(second, changes)).toEqual({ updated: true, id: second, status: 'PENDING' });
    expect(await queue.drain({ budgetMs: 10_000, concurrency: 1 })).toMatchObject({ completed: 2 });
    expect(sent).toEqual([
      { id: second, payload: { to: 'eve', copy: 'eve' }, priority: 9 },
      { id: first, payload: { to: 'ann', copy: 'ann', pin: '1234' }, priority: 0 },
    ]);
  });

  test('changes nothing but what it names', async () => {
    const { queue, add } = letters(setup.database);
    const id = await add('nobody', { priority: 3, maxAttempts: 9, idempotencyKey: 'k' });
    await queue.drain({ budgetMs: 10_000, limit: 1 });
    const before = await queue.getJob(id);
    expect(before).toMatchObject({ status: 'PENDING', attempts: 1 });
    const at = new Date(Date.now() + 3_600_000);
    await queue.update(id, { scheduledFor: at });
    expect(await queue.getJob(id)).toEqual({ ...before, scheduledFor: at });
    await queue.update({ type: 'send', idempotencyKey: 'k' }, { priority: 0 });
    expect(await queue.getJob(id)).toEqual({ ...before, scheduledFor: at, priority: 0 });
    expect(await queue.addJob('send', { to: 'ann', copy: '' }, { idempotencyKey: 'k' })).toBeNull();
  });

  test('leaves alone what runs, has ended, or is not there, and says so', async () => {
    const { queue, add } = letters(setup.database);
    const held = await add('ann', { idempotencyKey: 'held' });
    await send(setup.database, { claim: { ...CLAIM, types: { send: 60_000 } } });
    expect(await queue.update({ type: 'send', idempotencyKey: 'held' }, { priority: 9 })).toEqual({
      updated: false,
      id: held,
      status: 'PROCESSING',
    });
    const done = await add('bob');
    await queue.drain({ budgetMs: 10_000 });
    expect(await queue.update(done, { priority: 9 })).toEqual({ updated: false, id: done, status: 'COMPLETED' });
    expect(await queue.getJob(done)).toMatchObject({ priority: 0 });
    const nobody = { updated: false, id: null, status: null };
    expect(await queue.update('404', { priority: 9 })).toEqual(nobody);
    expect(await queue.update({ type: 'send', idempotencyKey: 'no' }, { priority: 9 })).toEqual(nobody);
  });

  test('refuses what an enqueue refuses, by name, and then nothing has changed', async () => {
    const { queue, add } = letters(setup.database);
    const id = await add('ann');
    const before = await queue.getJob(id);
    const refused = (changes: object, job: Parameters<typeof queue.update>[0] = id) =>
      expect(queue.update(job, changes), JSON.stringify(changes)).rejects;
    for (const [changes, message] of [
      [{}, /one or more of/],
      [{ priority: undefined }, /one or more of/],
      [{ priority: 11 }, /priority/],
      [{ priority: 1.5 }, /priority/],
      [{ delay: 5 }, /there is no such option; the nearest: delayMs/],
      [{ delayMs: -1 }, /delayMs/],
      [{ scheduledFor: '2026-12-24' }, /scheduledFor/],
      [{ scheduledFor: new Date(Number.NaN) }, /scheduledFor/],
      [{ scheduledFor: new Date('2040-01-01') }, /10 years/],
      [{ delayMs: 5, scheduledFor: new Date() }, /not both/],
    ] as const)
      await refused(changes).toThrow(message);
    await refused({ payload: { to: '', copy: '' }, priority: 9 }).toMatchObject({ code: 'payload_invalid' });
    await refused({ payload: { to: 'ann', copy: 'x'.repeat(300_000) } }).toMatchObject({ code: 'payload_too_large' });
    await refused({ priority: 1 }, 'x').toMatchObject({ code: 'option_invalid' });
    await expect(queue.update(id, { priority: 1 }, { actor: '' })).rejects.toMatchObject({ code: 'option_invalid' });
    expect(await queue.getJob(id)).toEqual(before);
    const stranger = createQueue({ database: setup.database, jobs: [] });
    await expect(stranger.update(id, { payload: {} })).rejects.toMatchObject({ code: 'unknown_type' });
    expect(await stranger.update(id, { priority: 1 })).toMatchObject({ updated: true });
  });

  test('by an operator is audited without the payload, and keeps the secrets that were hidden from them', async () => {
    const { queue, add } = letters(setup.database);
    const id = await add('ann');
    await queue.update(id, { priority: 2 });
    const shown = queue.redactPayload('send', (await queue.getJob(id))?.payload) as object;
    expect(shown).toEqual({ to: 'ann', copy: 'ann', pin: HIDDEN });
    await queue.update(id, { payload: { ...shown, to: 'eve' }, priority: 5 }, ANN);
    expect(await queue.getJob(id)).toMatchObject({ payload: { to: 'eve', copy: 'ann', pin: '1234' }, priority: 5 });
    const log = await queue.auditLog();
    expect(log).toMatchObject([
      {
        actor: 'ann',
        action: 'job.updated',
        details: { jobId: id, reason: 'a typo', changed: ['payload', 'priority'] },
      },
    ]);
    expect((await queue.related(id)).audit).toMatchObject([{ action: 'job.updated' }]);
    expect(JSON.stringify(log)).not.toMatch(/eve|1234/);
  });

  test('and a claim at once: each job runs once, with all of the change if it was updated and nothing of it if not', async () => {
    const { queue, sent, add } = letters(setup.database);
    const updated = new Set<string>();
    const all: string[] = [];
    let kept = 0;
    // rounds, until both have won: the first of an update's two statements leaves a claim time to come between
    for (let round = 0; round < 40 && (updated.size === 0 || kept === 0); round += 1) {
      const ids = await Promise.all(Array.from({ length: 20 }, (_, n) => add(`before ${round} ${n}`)));
      all.push(...ids);
      const change = async (id: string, n: number) => {
        const to = `after ${round} ${n}`;
        const answer = await queue.update(id, { payload: { to, copy: to }, priority: 7 });
        if (answer.updated) updated.add(id);
        else kept += 1;
      };
      await Promise.all([
        ...ids.map(change),
        queue.drain({ budgetMs: 10_000, maxBatch: 2 }),
        queue.drain({ budgetMs: 10_000, maxBatch: 3 }),
      ]);
      await queue.drain({ budgetMs: 10_000 });
    }
    expect(sent.map(({ id }) => id).sort()).toEqual(all.toSorted());
    for (const { id, payload, priority } of sent) {
      const word = updated.has(id) ? 'after' : 'before';
      expect({ id, to: payload.to, copy: payload.copy, priority }).toEqual({
        id,
        to: expect.stringMatching(`^${word}`),
        copy: payload.to,
        priority: word === 'after' ? 7 : 0,
      });
    }
    expect({ updates: updated.size > 0, claims: kept > 0 }).toEqual({ updates: true, claims: true });
  });

  test('in SQL says what it expected', async () => {
    const { queue, add } = letters(setup.database);
    const id = await add('ann');
    const update = (changes: string, options = '{}') =>
      rows<{ updated: boolean }>(
        setup.database,
        'select jobqueue.update_job($1::bigint, $2::jsonb, $3::jsonb) as updated',
        id,
        changes,
        options,
      );
    for (const [changes, message] of [
      ['{}', /expected one or more of payload/],
      ['{"prio": 1}', /got \{prio\}/],
      ['{"priority": 11}', /expected \{"priority": 0 to 10\} in the changes, got 11/],
      ['{"priority": 1.5}', /got 1.5/],
      ['{"priority": null}', /got null/],
      ['{"delayMs": null}', /expected \{"scheduledFor"/],
      ['{"delayMs": 1, "scheduledFor": "2026-12-24"}', /expected one or more/],
      ['{"scheduledFor": "2090-12-24"}', /at most 10 years/],
    ] as const)
      await expect(update(changes), changes).rejects.toThrow(message);
    expect(await update('{"priority": 4, "delayMs": 3600000}', '{"actor": "ann"}')).toEqual([{ updated: true }]);
    expect(await queue.getJob(id)).toMatchObject({ priority: 4, status: 'PENDING' });
    expect(await queue.auditLog()).toMatchObject([{ action: 'job.updated', actor: 'ann' }]);
  });
});
