/** postgres.js: the `sql` that `sql.begin` and `sql.savepoint` give. Imports no postgres.js. */
import type { Statement } from '../database.ts';
import type { Recognised } from './recognised.ts';

/** The `sql` inside `sql.begin(async (sql) => …)`. */
export interface PostgresJsTransaction {
  unsafe(query: string, parameters?: never): PromiseLike<unknown>;
  savepoint: unknown;
}

interface Sql {
  unsafe(query: string, parameters: unknown[]): PromiseLike<Iterable<object>>;
}

export function postgresJsTransaction(value: object): Recognised {
  if (typeof value !== 'function' || !('unsafe' in value)) return null;
  if (!('savepoint' in value)) return "postgres.js' sql outside of sql.begin";
  const sql = value as unknown as Sql;
  return {
    execute: async <Row extends object>({ text, params }: Statement) =>
      Array.from(await sql.unsafe(text, [...params])) as Row[],
  };
}
