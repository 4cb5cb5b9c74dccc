/** Everything that an app and its operators do, once: for tests of where it may happen, such as a role's rights or a schema's name. */
import { expect, vi } from 'vitest';
import { z } from 'zod';
import { createQueue, defineJob, defineSchedule, type QueueOptions } from '../src/index.ts';

const ANN = { actor: 'ann' };

/** One job that fails if told so, and a schedule of it. */
export function workQueue(options: Pick<QueueOptions<[]>, 'database' | 'schema' | 'environment'>) {
  const work = defineJob({
    type: 'work',
    payload: z.object({
      fail: z.boolean().default(false),
      block: z.string().optional(),
      waits: z.boolean().optional(),
    }),
    maxAttempts: 1,
    handler: async () => ({
      run: async ({ payload, rateLimit, signal, progress }) => {
        await rateLimit('a bucket of a job', { perSecond: 100, burst: 100 });
        if (payload.block) await rateLimit.blockUntil(payload.block, { delayMs: 60_000 });
        if (payload.fail) throw new Error('on purpose');
        progress({ done: 0 });
        if (payload.waits)
          await new Promise((_, refuse) => signal.addEventListener('abort', () => refuse(signal.reason)));
      },
    }),
  });
  const nightly = defineSchedule({
    name: 'nightly',
    cron: '0 3 * * *',
    timeZone: 'UTC',
    type: 'work',
    payload: { fail: false },
  });
  return createQueue({ ...options, jobs: [work], schedules: [nightly], logJobs: 'none', log: () => undefined });
}

/** Enqueues, drains, replays, operates, prunes and reads. The queue must be empty before. */
export async function everyOperation(queue: ReturnType<typeof workQueue>): Promise<void> {
  const [good, , waits] = await queue.addJobs([
    { type: 'work', payload: { fail: false }, options: { idempotencyKey: 'k' } },
    { type: 'work', payload: { fail: true } },
    { type: 'work', payload: { fail: false }, options: { delayMs: 3_600_000 } },
  ]);
  await queue.addFlow({
    type: 'work',
    payload: { fail: false },
    children: [{ type: 'work', payload: { fail: true } }],
  });
  expect(await queue.drain({ budgetMs: 60_000 })).toMatchObject({ completed: 1, deadLettered: 2, lost: 0 });
  expect(await queue.replay({ type: 'work' }, ANN)).toMatchObject({ changed: 2 });
  expect(await queue.update(waits?.id ?? '', { priority: 2, payload: { fail: false } }, ANN)).toMatchObject({
    updated: true,
  });
  const ids = { ids: [waits?.id ?? ''] };
  expect(await queue.reschedule(ids, { ...ANN, to: { delayMs: 7_200_000 } })).toMatchObject({ changed: 1 });
  expect(await queue.setPriority(ids, { ...ANN, priority: 9 })).toMatchObject({ changed: 1 });
  expect(await queue.cancel(ids, { ...ANN, reason: 'enough' })).toMatchObject({ changed: 1 });
  await queue.drain({ budgetMs: 60_000 });
  const [dead] = (await queue.listJobs({ status: 'DEAD_LETTER' })).jobs;
  const held = await queue.addJob('work', { fail: false, waits: true });
  const draining = queue.drain({ budgetMs: 60_000 });
  await vi.waitFor(
    async () =>
      expect(await queue.getJob(held?.id ?? '')).toMatchObject({ status: 'PROCESSING', startedAt: expect.any(Date) }),
    {
      timeout: 20_000,
    },
  );
  expect(await queue.cancel({ ids: [held?.id ?? ''] }, { ...ANN, reason: 'enough' })).toMatchObject({ changed: 1 });
  expect(await draining).toMatchObject({ lost: 1 });
  await queue.replayWithPayload(dead?.id ?? '', { fail: true }, ANN);
  await queue.drain({ budgetMs: 60_000 });
  expect(await queue.freeKey({ type: 'work', idempotencyKey: 'k' }, ANN)).toMatchObject({ freed: true });
  const replay = await queue.replay({ type: 'work' }, { ...ANN, perMinute: 1 });
  await queue.drain({ budgetMs: 60_000 });
  await queue.stopReplay(replay.id ?? '', ANN);
  await queue.pause({ type: 'work' }, ANN);
  await queue.resume({ type: 'work' }, ANN);
  await queue.pauseSchedule('nightly', ANN);
  await queue.resumeSchedule('nightly', ANN);
  const tenant = { name: 'tenant', cron: '@daily', timeZone: 'UTC', type: 'work', payload: { fail: false } } as const;
  await queue.schedules.create(tenant, ANN);
  await queue.schedules.update('tenant', { priority: 3 }, ANN);
  expect(await queue.schedules.preview('tenant', { cron: '@hourly' })).toMatchObject({ changes: ['cron'] });
  expect(await queue.schedules.get('tenant')).toMatchObject({ kind: 'runtime', priority: 3 });
  expect(await queue.schedules.list({ prefix: 't', type: 'work' })).toMatchObject({ next: null });
  await expect(queue.overrideSchedule('tenant', null, ANN)).rejects.toMatchObject({ code: 'schedule_kind' });
  await queue.schedules.delete('tenant', ANN);
  await queue.overrideSchedule('nightly', { cron: '0 4 * * *' }, ANN);
  await queue.runSchedule('nightly', ANN);
  await queue.takeToken('a bucket', { perSecond: 1, burst: 1 });
  await queue.muteCheck({ check: 'ticks' }, { ...ANN, reason: 'a test', forMs: 60_000 });
  await queue.unmuteCheck({ check: 'ticks' }, ANN);
  await queue.prune();
  const { checks } = await queue.health();
  for (const name of ['database', 'protocol', 'sequences'])
    expect(checks.find((check) => check.name === name)).toMatchObject({ ok: true });
  const id = good?.id ?? '';
  await Promise.all([
    queue.getJob(id),
    queue.findJob({ type: 'work', idempotencyKey: 'k' }),
    queue.listJobs({ status: 'DEAD_LETTER' }),
    queue.deadGroups(),
    queue.related(id),
    queue.countJobs({ type: 'work' }),
    queue.previewJobs({ type: 'work' }),
    queue.previewReplay({ type: 'work' }),
    queue.preview(),
    queue.overview(),
    queue.metrics(),
    queue.stats({ from: new Date(Date.now() - 3_600_000), by: 'hour' }),
    queue.drains(),
    queue.pauses(),
    queue.replays(),
    queue.incidents(),
    queue.rateLimits(),
    queue.schedules(),
    queue.auditLog(),
    queue.tail({ after: '0', ids: [id] }),
    queue.mutes(),
    queue.environments(),
  ]);
}
