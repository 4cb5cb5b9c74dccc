/** Performs an operator's request by the queue's own calls, which write the audit log. The caller has checked the secret. */
import type { JobView } from '../reads/job-view.ts';
import type { BulkOptions } from './bulk.ts';
import type { Operators } from './operations.ts';
import type { ThrottledReplayOptions } from './replay.ts';
import type { OperatorAction, OperatorRequest } from './request.ts';

/** The part of a queue that operator requests use. */
export type OperatedQueue = Operators & { getJob(id: string): Promise<JobView | null> };

type Act<Name extends OperatorAction['action']> = Extract<OperatorAction, { action: Name }>;

const PERFORM = {
  overview: async (queue: OperatedQueue, { hours }: Act<'overview'>) => {
    const [counts, due, paused, { lanes: all }] = await Promise.all([
      queue.stats({ by: 'total', from: new Date(Date.now() - hours * 3_600_000) }),
      queue.preview({ includePaused: true }),
      queue.pauses(),
      queue.overview(),
    ]);
    const scheduled = all
      .filter((lane) => lane.scheduled.n > 0)
      .map((lane) => ({ queue: lane.queue, type: lane.type, ...lane.scheduled, nextDue: lane.nextDue }));
    return { hours, counts, lanes: due.lanes, scheduled, paused };
  },
  jobs: (queue: OperatedQueue, { action: _, after, limit, ...query }: Act<'jobs'>) =>
    queue.listJobs(query, { ...(after !== undefined && { after }), ...(limit !== undefined && { limit }) }),
  job: async (queue: OperatedQueue, { id, payload }: Act<'job'>) => {
    const found = await queue.getJob(id);
    if (found === null) return { job: null };
    const { parent, children } = await queue.related(id);
    const flow = { parent, children };
    if (payload) {
      await queue.audit({ actor: 'operator', action: 'job.payload_read', details: { id } });
      return { job: { ...found, payload: queue.redactPayload(found.type, found.payload), ...flow } };
    }
    // Customers' data is shown only on request, and each request is recorded.
    const { payload: _, state: __, result: ___, ...shown } = found;
    return { job: { ...shown, ...flow } };
  },
  follow: async (queue: OperatedQueue, { action: _, ...options }: Act<'follow'>) => ({
    jobs: await queue.tail(options),
  }),
  previewCancel: (queue: OperatedQueue, { filter }: Act<'previewCancel'>) => queue.previewJobs(filter),
  cancel: (queue: OperatedQueue, { filter, action: _, ...options }: Act<'cancel'>, bulk: BulkOptions) =>
    queue.cancel(filter, { ...options, ...bulk }),
  retryNow: async (queue: OperatedQueue, { ids, actor }: Act<'retryNow'>, bulk: BulkOptions) => {
    const waiting = await queue.reschedule({ ids, status: 'PENDING' }, { to: { delayMs: 0 }, actor, ...bulk });
    const ended = await queue.replay({ ids }, { statuses: ['DEAD_LETTER', 'CANCELLED'], due: 'now', actor, ...bulk });
    return { broughtForward: waiting.changed, replayed: ended.changed, refusals: ended.refusals };
  },
  update: (queue: OperatedQueue, { action: _, id, actor, reason, ...changes }: Act<'update'>) =>
    queue.update(id, changes, { actor, ...(reason !== undefined && { reason }) }),
  previewReplay: async (queue: OperatedQueue, { filter, action: _, ...revival }: Act<'previewReplay'>) => ({
    ...(await queue.previewReplay(filter, revival)),
    /** The end of the selection: jobs that end later are not part of a replay that follows. */
    asOf: new Date(),
  }),
  replay: (queue: OperatedQueue, { filter, action: _, ...options }: Act<'replay'>, bulk: BulkOptions) =>
    queue.replay(filter, { ...options, ...bulk }),
  throttledReplay,
  replays: async (queue: OperatedQueue, _: Act<'replays'>) => ({ replays: await queue.replays() }),
  stopReplay,
  ramp: throttledReplay,
  ramps: async (queue: OperatedQueue, _: Act<'ramps'>) => ({ ramps: await queue.replays() }),
  stopRamp: stopReplay,
  freeKey: (queue: OperatedQueue, { type, idempotencyKey, action: _, ...by }: Act<'freeKey'>) =>
    queue.freeKey({ type, idempotencyKey }, by),
  pause: async (queue: OperatedQueue, { action: _, actor, reason, ...target }: Act<'pause'>) => {
    const { warnings } = await queue.pause(target, { actor, ...(reason !== undefined && { reason }) });
    return { paused: await queue.pauses(), warnings };
  },
  resume: async (queue: OperatedQueue, { action: _, actor, ...target }: Act<'resume'>) => {
    const { resumed, warnings } = await queue.resume(target, { actor });
    return { paused: await queue.pauses(), resumed, warnings };
  },
  environments: (queue: OperatedQueue, _: Act<'environments'>) => queue.environments(),
  adopt: (queue: OperatedQueue, { environment, actor }: Act<'adopt'>) => queue.adopt(environment, { actor }),
  incidents: async (queue: OperatedQueue, _: Act<'incidents'>) => ({
    incidents: await queue.incidents(),
    mutes: await queue.mutes(),
  }),
  acknowledgeIncident: async (queue: OperatedQueue, { id, actor }: Act<'acknowledgeIncident'>) => ({
    acknowledged: await queue.acknowledgeIncident(id, { actor }),
  }),
  muteCheck: async (queue: OperatedQueue, { action: _, check, subject, ...options }: Act<'muteCheck'>) => ({
    muted: await queue.muteCheck({ check, ...(subject !== undefined && { subject }) }, options),
  }),
  unmuteCheck: async (queue: OperatedQueue, { check, subject, actor }: Act<'unmuteCheck'>) => ({
    unmuted: await queue.unmuteCheck({ check, ...(subject !== undefined && { subject }) }, { actor }),
  }),
  schedules: async (queue: OperatedQueue, _: Act<'schedules'>) => ({ schedules: await queue.schedules() }),
  pauseSchedule: async (queue: OperatedQueue, { action: _, name, ...by }: Act<'pauseSchedule'>) => {
    await queue.pauseSchedule(name, by);
    return { name };
  },
  resumeSchedule: async (queue: OperatedQueue, { action: _, name, ...by }: Act<'resumeSchedule'>) => {
    await queue.resumeSchedule(name, by);
    return { name };
  },
  runSchedule: (queue: OperatedQueue, { action: _, name, ...by }: Act<'runSchedule'>) => queue.runSchedule(name, by),
  overrideSchedule: async (queue: OperatedQueue, { action: _, name, line, ...by }: Act<'overrideSchedule'>) => {
    await queue.overrideSchedule(name, line, by);
    return { name };
  },
} as const;

function throttledReplay(
  queue: OperatedQueue,
  { filter, action: _, stopWhen, ...options }: Act<'throttledReplay' | 'ramp'>,
) {
  return queue.replay(filter, { ...options, ...(stopWhen && { stopWhen: withMinOutcomes(stopWhen) }) });
}

async function stopReplay(queue: OperatedQueue, { id, actor }: Act<'stopReplay' | 'stopRamp'>) {
  return { stopped: await queue.stopReplay(id, { actor }) };
}

/** Releases up to 0.8 say `of`. */
function withMinOutcomes(
  stopWhen: NonNullable<Act<'throttledReplay'>['stopWhen']>,
): ThrottledReplayOptions['stopWhen'] & object {
  if (!('of' in stopWhen)) return stopWhen;
  return { failureRatio: stopWhen.failureRatio, minOutcomes: stopWhen.of };
}

/** The result of an action, before it is JSON. */
export type OperatorAnswer<Name extends OperatorRequest['action']> = Awaited<ReturnType<(typeof PERFORM)[Name]>>;

/** `bulk` ends long work early: its answer then says `done: false`, and the same request again does the rest. */
export async function perform(queue: OperatedQueue, action: OperatorAction, bulk: BulkOptions): Promise<object> {
  // One table of functions, each for its own action: the compiler cannot see that key and argument belong together.
  const act = PERFORM[action.action] as (
    queue: OperatedQueue,
    action: OperatorAction,
    bulk: BulkOptions,
  ) => Promise<object>;
  return act(queue, action, bulk);
}
