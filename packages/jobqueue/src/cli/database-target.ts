/** A queue by its database: this process does what a deployment would, with the job types of the app's configuration. */

import type { AnyQueue } from '../config.ts';
import { pathOf, type StandardIssue, validateNow } from '../core/standard-schema.ts';
import { perform } from '../operations/perform.ts';
import { type OperatorAction, operatorRequest } from '../operations/request.ts';
import { connect } from '../postgres/connect.ts';
import { addressOf, connectionError } from '../postgres/connection-error.ts';
import { chooseDatabase } from './environment.ts';
import { UsageError } from './failure.ts';
import { type QueueOn, queueOn, queueWithoutTypesOn } from './load-queue.ts';
import type { Target } from './target.ts';

/** Requests that neither check a type's name nor redact a payload nor link to the app's console: they do not wait for the app's code. */
const WITHOUT_TYPES: ReadonlySet<OperatorAction['action']> = new Set([
  'jobs',
  'follow',
  'retryNow',
  'replays',
  'stopReplay',
  'acknowledgeIncident',
  'muteCheck',
  'unmuteCheck',
  'schedules',
  'pauseSchedule',
  'resumeSchedule',
  'runSchedule',
  'overrideSchedule',
]);

/** Connects on the first statement. `needs`: the command that cannot do without the app's jobs. */
export async function databaseTarget(
  url: string,
  { config, needs }: { readonly config?: string | undefined; readonly needs?: string | undefined },
): Promise<Target> {
  chooseDatabase(url);
  const address = addressOf(url);
  const database = connect(url);
  let loaded: Promise<QueueOn> | null = null;
  let withoutTypes: Promise<AnyQueue> | null = null;
  let knowsTypes = false;
  const own = async (): Promise<AnyQueue> => {
    loaded ??= queueOn(database, { config, needs });
    const { queue, isOwn } = await loaded;
    knowsTypes = isOwn;
    return queue;
  };
  if (needs !== undefined) await own();
  const queueFor = (action: OperatorAction): Promise<AnyQueue> => {
    if (!WITHOUT_TYPES.has(action.action) && !(action.action === 'job' && !action.payload)) return own();
    withoutTypes ??= queueWithoutTypesOn(database, { config });
    return withoutTypes;
  };
  const run = async <Result>(act: () => Promise<Result>): Promise<Result> => {
    try {
      return await act();
    } catch (error) {
      throw connectionError(error, { variable: 'DATABASE_URL', address }) ?? error;
    }
  };
  return {
    kind: 'database',
    name: address,
    get knowsTypes() {
      return knowsTypes;
    },
    async ask(request, options = {}) {
      const action = validateNow(operatorRequest, request);
      if (action.issues) throw new UsageError(inWords(action.issues));
      const queue = await queueFor(action.value);
      const answer = await run(() => perform(queue, action.value, options));
      return JSON.parse(JSON.stringify(answer));
    },
    enqueue: ({ type, payload, options: { scheduledFor, ...options } }) =>
      run(async () => {
        const queue = await own();
        const entry = {
          type,
          payload,
          options: { ...options, ...(scheduledFor && { scheduledFor: new Date(scheduledFor) }) },
        };
        // The compiler cannot know the payload; the queue checks it against its type's schema.
        const [added] = await queue.addJobs([entry] as Parameters<typeof queue.addJobs>[0]);
        if (added === undefined) throw new TypeError('expected an answer for each job');
        return added;
      }),
    drain: (request, { signal } = {}) =>
      run(async () => {
        const queue = await own();
        const warnings = await queue.checkNames(request);
        await queue.audit({ actor: 'operator', action: 'drain', details: request });
        return { ...(await queue.drain({ ...request, source: 'operator', ...(signal && { signal }) })), warnings };
      }),
    foresee: ({ queue: line, types, includePaused }) =>
      run(async () => {
        const queue = await own();
        const warnings = await queue.checkNames({ queue: line });
        const found = await queue.preview({
          ...(line !== undefined && { queue: line }),
          ...(types && { types }),
          ...(includePaused !== undefined && { includePaused }),
        });
        return { ...found, warnings };
      }),
    health: () => run(async () => (await own()).health()),
    close: () => database.close(),
  };
}

function inWords(issues: readonly StandardIssue[]): string {
  return issues.map((issue) => `${pathOf(issue).map(String).join('.')}: ${issue.message}`).join('; ');
}
