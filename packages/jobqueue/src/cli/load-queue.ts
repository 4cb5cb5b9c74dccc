/** The queue that a command on a database works with: the app's own by its configuration, else one that knows no job type. */
import type { AnyQueue, JobqueueConfig, QueueModule } from '../config.ts';
import { logToStderr } from '../core/log.ts';
import { createQueue } from '../index.ts';
import type { Database } from '../postgres/database.ts';
import { namedSchema, ownEnvironment } from './environment.ts';
import { Failure, UsageError } from './failure.ts';
import { type AppConfig, loadConfig, loaded } from './load-config.ts';
import { note } from './output.ts';

export interface QueueOn {
  readonly queue: AnyQueue;
  /** True for the app's own queue. Another one names, redacts and runs nothing. */
  readonly isOwn: boolean;
  readonly config: JobqueueConfig;
}

/**
 * `needs`: the command, if it cannot do without job types: then it throws UsageError where no configuration names a queue. A command that
 * can do without says so on stderr if the app's queue does not load, and goes on: an incident must not wait for the app's code.
 */
export async function queueOn(
  database: Database,
  { config: given, needs }: { readonly config?: string | undefined; readonly needs?: string | undefined },
): Promise<QueueOn> {
  const app = await loadConfig(given);
  const config = app?.config ?? {};
  try {
    const own = app === null ? null : await queueOf(app);
    if (own !== null) return { queue: onlyOn(database, own, namedSchema(config) ?? own.schema), isOwn: true, config };
  } catch (error) {
    if (!(error instanceof Failure) || needs !== undefined) throw error;
    note(`warning: going on without the app's job types. ${error.message}`);
  }
  if (needs !== undefined)
    throw new UsageError(
      `${needs} needs the app's jobs: ${app === null ? 'there is no jobqueue.config.ts here or above; name it by --config, with' : `${app.path} has no`} queue: () => import('./jobqueue/queue.ts')`,
    );
  return { queue: queueWithoutTypes(database, config), isOwn: false, config };
}

/**
 * The queue of commands that neither name job types nor show payloads: it reads the app's configuration, but does not load its queue, which takes
 * a third of such a command's time.
 */
export async function queueWithoutTypesOn(
  database: Database,
  { config }: { readonly config?: string | undefined },
): Promise<AnyQueue> {
  return queueWithoutTypes(database, (await loadConfig(config))?.config ?? {});
}

export function queueWithoutTypes(database: Database, config: JobqueueConfig): AnyQueue {
  return createQueue({
    database,
    schema: namedSchema(config),
    jobs: [],
    environment: ownEnvironment(),
    log: logToStderr,
  });
}

/** Null if the configuration names none. Throws Failure if it does not load, or is none. */
async function queueOf({ path, config }: AppConfig): Promise<AnyQueue | null> {
  const { queue: load } = config;
  if (load === undefined) return null;
  const module: Partial<Record<keyof QueueModule | string, unknown>> = await loaded(`queue of ${path}`, load);
  const found = module.queue ?? module.default;
  if (typeof found === 'object' && found !== null && 'drain' in found && 'with' in found) return found as AnyQueue;
  throw new Failure(
    `queue of ${path}: expected a module that exports createQueue(…) as queue or by default, found ${Object.keys(module).slice(0, 10).join(', ') || 'no exports'}`,
  );
}

/** Without schedules: deployments declare them, not a checkout on a laptop. Without kick and sleep, which are a platform's. */
function onlyOn(database: Database, queue: AnyQueue, schema: string): AnyQueue {
  return queue.with({ database, schema, log: logToStderr, schedules: undefined, kick: undefined, sleep: undefined });
}
