/** Whose database it is: production, preview or any other name. Drains of another environment leave its jobs alone. */

import { type Actor, actorOf } from '../core/actor.ts';
import { QueueError } from '../core/errors.ts';
import { name } from '../core/options.ts';
import type { Executor } from '../postgres/database.ts';
import * as store from '../postgres/statements/environment.ts';

/** The owner of the database, and the environment of this queue; see docs/deploy.md. */
export interface Environments {
  /** The environment that createQueue was told; null if none. */
  readonly own: string | null;
  /** That the database belongs to; null: to none, and everybody drains it. */
  readonly owner: string | null;
}

/** Everything that `own` may do is done by `owner` only. */
export function isForeign({ own, owner }: Environments): boolean {
  return owner !== null && owner !== own;
}

/** Why nothing was drained, and how to allow it. */
export function notDrained({ own, owner }: Environments): string {
  const here = own === null ? 'this process names no environment' : `this is '${own}'`;
  return (
    `the database belongs to the environment '${owner}', and ${here}: it runs no jobs, fires no schedules and sends no alerts here. ` +
    `Give it a database of its own. To let it drain this one, name its environment '${owner}' (JOBQUEUE_ENVIRONMENT), ` +
    `or move the database with npx jobqueue adopt ${own ?? '<environment>'}`
  );
}

export interface EnvironmentControls {
  environments(): Promise<Environments>;
  /**
   * Makes the database belong to an environment: only drains from there run its jobs. With null it belongs to none, until a drain or a
   * migration of 'production' takes it. With a line in the audit log.
   * Throws QueueError `option_invalid`.
   */
  adopt(environment: string | null, by: Pick<Actor, 'actor'>): Promise<{ readonly before: string | null }>;
}

export function environmentControls(database: () => Executor, own: string | null): EnvironmentControls {
  return {
    environments: async () => ({ own, owner: await store.owner(database()) }),
    adopt: async (environment, by) => {
      const named = environment === null ? null : name('environment', environment);
      return { before: await store.adopt(database(), named, actorOf(by)) };
    },
  };
}

/** Throws QueueError `other_environment` if the database belongs to another one. */
export async function checkEnvironment(executor: Executor, own: string | null): Promise<void> {
  const environments = { own, owner: await store.owner(executor) };
  if (isForeign(environments)) throw new QueueError('other_environment', notDrained(environments));
}
