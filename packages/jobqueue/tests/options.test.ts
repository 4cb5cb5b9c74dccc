/** A misspelt option is refused by its name, with the nearest known one, wherever options are given. No statement is sent. */
import { expect, test } from 'vitest';
import { z } from 'zod';
import { continueWith, createQueue, defineJob, defineSchedule, type Queue, type Schedules } from '../src/index.ts';
import type { Database } from '../src/postgres/connect.ts';

const database = (): Database => {
  throw new Error('a refused call must not touch the database');
};
const waitUntil = () => undefined;
const payload = z.object({});
const mail = defineJob({ type: 'mail', payload });
const jobs = [mail];
/** As code without a compiler calls it. */
type Unchecked<Calls> = { readonly [Name in keyof Calls]: (...given: readonly unknown[]) => unknown };
const queue = createQueue({ database, jobs }) as unknown as Omit<Unchecked<Queue<typeof jobs>>, 'schedules'> & {
  readonly schedules: Unchecked<Schedules>;
};
const by = { actor: 'ada' };
const entry = { type: 'mail', payload: {} };
const odd = (options: object) => options as never;

const CALLS: readonly (readonly [path: string, nearest: string, call: () => unknown])[] = [
  ['options.delay', 'delayMs', () => queue.addJob('mail', {}, { delay: 5 })],
  ['options.maxAttempt', 'maxAttempts', () => queue.addJob('mail', {}, { maxAttempt: 5 })],
  ['jobs[1].options.ttl', 'queue', () => queue.addJobs([entry, { ...entry, options: { ttl: 5 } }])],
  ['option', 'options', () => queue.addJobs([{ ...entry, option: {} }])],
  ['transactions', 'transaction', () => queue.addJobs([entry], { transactions: {} })],
  ['option', 'options', () => queue.statement([{ ...entry, option: {} }])],
  [
    'children[0].whenChildFail',
    'whenChildFails',
    () => queue.addFlow({ ...entry, children: [{ ...entry, whenChildFail: 'run' }] }),
  ],
  [
    'children[0].options.delay',
    'delayMs',
    () => queue.addFlow({ ...entry, children: [{ ...entry, options: { delay: 1 } }] }),
  ],
  ['key', 'type', () => queue.findJob({ type: 'mail', key: 'k' })],
  ['timeout', 'timeoutMs', () => queue.waitFor('1', { timeout: 5 })],
  ['budget', 'budgetMs', () => queue.drain({ budget: 5 })],
  ['typ', 'type', () => queue.pause({ typ: 'mail' }, by)], // would pause everything
  ['reasons', 'reason', () => queue.pause({ type: 'mail' }, { ...by, reasons: 'x' })],
  ['queu', 'queue', () => queue.resume({ queu: 'x' }, by)],
  ['onprogress', 'onProgress', () => queue.cancel({ type: 'mail' }, { ...by, reason: 'x', onprogress: waitUntil })],
  ['perminute', 'perMinute', () => queue.replay({ type: 'mail' }, { ...by, perminute: 5 })], // would replay all at once
  ['maxJob', 'maxJobs', () => queue.replay({ type: 'mail' }, { ...by, maxJob: 5 })],
  ['status', 'statuses', () => queue.previewReplay({ type: 'mail' }, { status: ['CANCELLED'] })],
  ['limt', 'limit', () => queue.listJobs({}, { limt: 5 })],
  ['types', 'type', () => queue.listJobs({ types: ['mail'] })],
  ['since', 'signal', () => queue.reschedule({ type: 'mail' }, { ...by, to: { delayMs: 1 }, since: 1 })],
  ['form', 'from', () => queue.stats({ by: 'total', form: new Date() })],
  ['budget', 'budgetMs', () => queue.prune({ budget: 5 })],
  ['why', 'actor', () => queue.runSchedule('nightly', { ...by, why: 'x' })],
  ['actr', 'actor', () => queue.adopt('preview', odd({ actr: 'ann' }))],
  ['reason', 'actor', () => queue.acknowledgeIncident('1', odd({ ...by, reason: 'x' }))], // none of these three keeps one
  ['reason', 'actor', () => queue.unmuteCheck({ check: 'ticks' }, odd({ ...by, reason: 'x' }))],
  ['reason', 'actor', () => queue.adopt('preview', odd({ ...by, reason: 'x' }))],
  ['timezone', 'timeZone', () => queue.overrideSchedule('nightly', { timezone: 'UTC' }, by)],
  ['timezone', 'timeZone', () => queue.schedules.create({ ...entry, timezone: 'UTC' }, by)],
  [
    'reasn',
    'reason',
    () => queue.schedules.create({ ...entry, name: 'n', cron: '@daily', timeZone: 'UTC' }, odd({ ...by, reasn: 'x' })),
  ],
  ['croon', 'cron', () => queue.schedules.update('nightly', { croon: '@daily' }, by)],
  ['reasn', 'reason', () => queue.schedules.update('nightly', {}, odd({ ...by, reasn: 'x' }))],
  ['reasn', 'reason', () => queue.schedules.delete('nightly', odd({ ...by, reasn: 'x' }))],
  ['typ', 'type', () => queue.schedules.list({ typ: 'mail' })],
  ['limt', 'limit', () => queue.schedules.list({}, odd({ limt: 5 }))],
  ['croon', 'cron', () => queue.schedules.preview('nightly', { croon: '@daily' })],
  ['cont', 'count', () => queue.schedules.preview('nightly', {}, odd({ cont: 5 }))],
  ['backoff', 'handler', () => defineJob(odd({ type: 'mail', payload, backoff: 5 }))],
  ['maxAttempt', 'maxAttempts', () => defineJob(odd({ type: 'mail', payload, maxAttempt: 5 }))],
  ['retry.backof', 'backoff', () => defineJob(odd({ type: 'mail', payload, retry: { backof: 'fixed' } }))],
  [
    'rateLimit.perSeconds',
    'perSecond',
    () => defineJob(odd({ type: 'mail', payload, rateLimit: { perSeconds: 1, burst: 1 } })),
  ],
  ['timezone', 'timeZone', () => defineSchedule(odd({ ...entry, name: 'n', cron: '* * * * *', timezone: 'UTC' }))],
  ['schedule', 'schedules', () => createQueue(odd({ database, jobs, schedule: [] }))],
  ['health.tickevery', 'tickEvery', () => createQueue(odd({ database, jobs, health: { tickevery: 5 } }))],
  ['alerts.webhookURL', 'webhookUrl', () => createQueue(odd({ database, jobs, alerts: { webhookURL: 'http://a' } }))],
  ['retention.complete', 'completed', () => createQueue(odd({ database, jobs, retention: { complete: '1d' } }))],
  [
    'retention.types.mail.dead',
    'deadLetter',
    () => createQueue(odd({ database, jobs, retention: { types: { mail: { dead: 1 } } } })),
  ],
  ['kick.waituntil', 'waitUntil', () => createQueue(odd({ database, jobs, kick: { waituntil: waitUntil } }))],
  ['sleep.atmost', 'atMost', () => createQueue(odd({ database, jobs, sleep: { atmost: '1h', cache: {}, waitUntil } }))],
  ['delay', 'delayMs', () => continueWith({}, odd({ delay: 5 }))],
];

test.each(CALLS)('%s is refused: the nearest is %s', async (path, nearest, call) => {
  const error = await Promise.resolve()
    .then(call)
    .then(
      () => expect.fail('it was accepted'),
      (refused) => refused,
    );
  expect(error).toMatchObject({ name: 'QueueError', issues: [{ path, message: expect.stringContaining(nearest) }] });
});

test('a guard takes its two options alone', () => {
  const guard = odd({ failureRatio: 0.5, minAttempts: 20, ratio: 1 });
  expect(() => defineJob({ type: 'mail', payload, guard })).toThrow('guard.ratio: there is no such option');
  expect(() => createQueue({ database, jobs, guard })).toThrow('guard.ratio: there is no such option');
});
