/** The transaction of our own `Database`: an `Executor` already. */
import type { Executor } from '../database.ts';
import type { Recognised } from './recognised.ts';

/** The `tx` of `database.transaction(…)`. A whole `Database` is none, which its `driver` tells. */
export interface DatabaseTransaction extends Executor {
  readonly driver?: never;
}

export function databaseTransaction(value: object): Recognised {
  if (!('execute' in value) || typeof value.execute !== 'function') return null;
  return 'driver' in value ? 'a whole Database' : (value as Executor);
}
