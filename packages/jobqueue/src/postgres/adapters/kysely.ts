/** Kysely's transactions, those of `startTransaction` too. Imports no Kysely. */
import type { Statement } from '../database.ts';
import type { Recognised } from './recognised.ts';

/** The `trx` of `db.transaction().execute(…)` or `db.startTransaction().execute()`, over a dialect for PostgreSQL. */
export interface KyselyTransaction {
  readonly isTransaction: true;
  executeQuery(query: never): Promise<unknown>;
}

interface Runner {
  executeQuery(query: object): Promise<{ rows: object[] }>;
}

export function kyselyTransaction(value: object): Recognised {
  if (!('executeQuery' in value) || !('isTransaction' in value)) return null;
  if (value.isTransaction !== true) return 'Kysely outside of a transaction';
  const kysely = value as unknown as Runner;
  return {
    execute: async <Row extends object>(statement: Statement) =>
      (await kysely.executeQuery(compiled(statement))).rows as Row[],
  };
}

/** The result of `CompiledQuery.raw(text, params)`. Plugins identify a query by its `queryId`. */
function compiled({ text, params }: Statement): object {
  return {
    sql: text,
    parameters: [...params],
    query: { kind: 'RawNode', sqlFragments: [text], parameters: [] },
    queryId: { queryId: 'jobqueue' },
  };
}
