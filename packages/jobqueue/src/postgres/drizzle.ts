/** Drizzle over the connections of a `Database`. Imports no drizzle: the app gives its own. */
import type { Database } from './database.ts';
import { DRIVER_CLIENT, type DrivenDatabase, type DriverClient } from './driver-client.ts';
import { DatabaseUsageError } from './errors.ts';

/** The used part of drizzle's database. */
interface QueryBuilder {
  transaction(run: never, config?: never): Promise<unknown>;
}

type Transactions = (run: unknown, config?: unknown) => Promise<unknown>;

/** Drizzle's own function, which is `drizzle` of one of its drivers, or one that adds a schema to it. */
export type MakeDrizzle<Builder extends QueryBuilder> = (options: {
  // biome-ignore lint/suspicious/noExplicitAny: a pool of pg or of Neon, or Neon's sql; drizzle's drivers each ask for their own.
  readonly client: any;
}) => Builder;

/** Cached by the route to the client, which copies of a `Database` share, and by `make`. */
const made = new WeakMap<object, WeakMap<object, Promise<QueryBuilder>>>();

/**
 * Drizzle's query builder over the same connections, made once for each `make`. Its transactions take turns with those of the
 * database, and `queue.addJob` takes them as `transaction`. `drizzle` of `drizzle-orm/node-postgres` and of
 * `drizzle-orm/neon-serverless` both fit every driver but `neon-http`, which takes that of `drizzle-orm/neon-http` and has no
 * transactions. Rejects with DatabaseUsageError `driver_missing`, and `database_foreign` for a `Database` that `connect` did not make.
 *
 * ```ts
 * import { drizzle } from 'drizzle-orm/node-postgres';
 * const db = await drizzleOf(database(), ({ client }) => drizzle({ client, schema }));
 * ```
 */
export async function drizzleOf<Builder extends QueryBuilder>(
  database: Database,
  make: MakeDrizzle<Builder>,
): Promise<Builder> {
  const clientOf = (database as Partial<DrivenDatabase>)[DRIVER_CLIENT];
  if (clientOf === undefined)
    throw new DatabaseUsageError(
      'database_foreign',
      'drizzleOf: expected a Database of connect(url) or database(), got another one, which has no client to share.',
    );
  const known = made.get(clientOf) ?? new WeakMap<object, Promise<QueryBuilder>>();
  made.set(clientOf, known);
  const builder = known.get(make) ?? clientOf().then((client) => over(client, make));
  known.set(make, builder);
  builder.catch(() => known.delete(make)); // a driver that was missing may be installed by the next call
  return builder as Promise<Builder>;
}

/** Drizzle's own drivers ask by class whether a client is a pool, each for its own; so a transaction gets a session. */
function over<Builder extends QueryBuilder>({ client, lend }: DriverClient, make: MakeDrizzle<Builder>): Builder {
  const builder = make({ client });
  const transaction: Transactions = (run, config) =>
    lend((session) => {
      const own = make({ client: session });
      return (own.transaction as Transactions).call(own, run, config);
    });
  return Object.assign(builder, { transaction });
}
