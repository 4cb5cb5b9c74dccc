/** A `Database` whose driver is loaded and opened by its first statement. */
import type { Database } from '../database.ts';
import { DRIVER_CLIENT, type DrivenDatabase } from '../driver-client.ts';
import { DatabaseUsageError } from '../errors.ts';

/** `open` runs once, unless it fails: then the next statement tries again. */
export function lazyDatabase(
  { driver, address }: Pick<Database, 'driver' | 'address'>,
  open: () => Promise<DrivenDatabase>,
): DrivenDatabase {
  let opening: Promise<DrivenDatabase> | undefined;
  let opened: DrivenDatabase | undefined;
  let closed = false;

  const ready = (): Promise<DrivenDatabase> => {
    if (closed && opening === undefined)
      return Promise.reject(new DatabaseUsageError('database_closed', `The connection to ${address} has been closed.`));
    opening ??= open().then(
      (database) => {
        opened = database;
        return database;
      },
      (error) => {
        opening = undefined;
        throw error;
      },
    );
    return opening;
  };

  return {
    driver,
    address,
    execute: (statement, options) =>
      opened ? opened.execute(statement, options) : ready().then((database) => database.execute(statement, options)),
    transaction: (run) => (opened ? opened.transaction(run) : ready().then((database) => database.transaction(run))),
    [DRIVER_CLIENT]: async () => (await ready())[DRIVER_CLIENT](),
    async close() {
      closed = true;
      await opening?.then(
        (database) => database.close(),
        () => undefined, // what did not open has nothing to close
      );
    },
  };
}
