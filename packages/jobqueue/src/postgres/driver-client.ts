/** The way to a driver's own client behind a `Database`, so that adapters share its connections. Not part of the contract. */
import type { Database } from './database.ts';

/** The same symbol in each copy of this module: a process may have several, and one `Database`. */
export const DRIVER_CLIENT: unique symbol = Symbol.for('conversure.jobqueue.driverClient');

export interface DriverClient {
  /** A pool of `pg` or of Neon's WebSocket driver, or Neon's `sql` of its HTTP driver. */
  readonly client: object;
  /** Lends one session of the pool, when it is its turn. Rejects with DatabaseUsageError where there are no sessions. */
  lend<T>(work: (session: object) => Promise<T>): Promise<T>;
}

/** A database of one of our drivers. */
export interface DrivenDatabase extends Database {
  /** Loads the driver if no statement has. */
  readonly [DRIVER_CLIENT]: () => Promise<DriverClient>;
}
