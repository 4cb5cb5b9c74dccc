/** `jobqueue.config.ts`: the parts of an app that the command line needs. Pure: nothing is loaded before a command asks for it. */
import type { Job } from './core/job.ts';
import { type Names, onlyKnown } from './core/options.ts';
import type { Database } from './postgres/database.ts';
import type { MigrationSource } from './postgres/migrate.ts';
import type { Queue } from './queue.ts';

/** A queue of any job types. */
// biome-ignore lint/suspicious/noExplicitAny: a queue takes payloads of its own jobs alone, so no list of jobs stands for all others.
export type AnyQueue = Queue<any> & { readonly jobs: readonly Job[] };

/** A module that exports the app's queue as `queue` or by default. */
export type QueueModule = { readonly queue: AnyQueue } | { readonly default: AnyQueue };

/** One line of `jobqueue doctor`. */
export interface Finding {
  /** At most 16 characters, so that the table stays even. */
  readonly name: string;
  /** `warn`: it works now, and will not always. Only `red` ends `doctor` with exit code 1. */
  readonly state: 'ok' | 'warn' | 'red';
  /** The fact, without a secret. */
  readonly detail: string;
  /** The next action; null if nothing has to be done. */
  readonly mend: string | null;
}

/** Looks at something of the app's own for `jobqueue doctor`. Must not write. */
export type Check = (context: { readonly database: Database }) => Promise<readonly Finding[]>;

/** Options of `defineConfig`. All are optional: commands that do not need job types work without `queue`. */
export interface JobqueueConfig {
  /**
   * Loads the app's queue. Called by commands that need job types (`drain`, `enqueue`, `import-prisma`), and by the others to name and
   * redact what they show.
   */
  readonly queue?: () => Promise<QueueModule>;
  /** The schema of the queue's tables; default 'jobqueue'. `createQueue({ schema })` must name the same. */
  readonly schema?: string;
  /** Further migrations of this database, applied after the queue's own by `jobqueue migrate`. */
  readonly migrations?: readonly MigrationSource[];
  /** Further checks of `jobqueue doctor`, run in this order on a database that answers. */
  readonly checks?: readonly Check[];
  /** Secrets that the app's endpoints need besides CRON_SECRET: `jobqueue doctor` is red while one is unset. */
  readonly secrets?: readonly EndpointSecret[];
}

/** The environment variable of a secret that opens one of the queue's endpoints. */
export type EndpointSecret = 'OPERATOR_SECRET' | 'QUEUE_API_KEY';

const NAMES: Names<JobqueueConfig> = { queue: true, schema: true, migrations: true, checks: true, secrets: true };

/**
 * The default export of `jobqueue.config.ts`, which the command line finds in the current folder or above it, up to the package's root:
 *
 *     export default defineConfig({ queue: () => import('./jobqueue/queue.ts') });
 *
 * Answers `config` as it is. Throws QueueError `option_invalid` for an option that does not exist.
 */
export function defineConfig(config: JobqueueConfig): JobqueueConfig {
  onlyKnown(config, NAMES, { call: 'defineConfig: ' });
  return config;
}
