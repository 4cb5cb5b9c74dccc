/** The clients of `pg` and of Neon's WebSocket driver, whose caller has begun a transaction. Imports neither. */
import type { Statement } from '../database.ts';
import { types } from '../drivers/decode.ts';
import type { Recognised } from './recognised.ts';

/** A `Client`, or a `PoolClient` of `pool.connect()`, after its `begin` was answered. */
export interface PgTransaction {
  query(config: never): unknown;
  escapeIdentifier(text: string): string;
}

interface Query {
  readonly text: string;
  readonly values: unknown[];
  readonly types: typeof types;
}

/** The used part of a client. A pool has `query` too, and would run each statement on another connection. */
interface Client {
  query(config: Query): Promise<{ rows: object[] }>;
  /** Since pg 8.17; null until the server was ready for the first time. Neon's driver has none. */
  getTransactionStatus?(): 'I' | 'T' | 'E' | null;
}

export function pgTransaction(value: object): Recognised {
  if (!('query' in value) || typeof value.query !== 'function') return null;
  if ('totalCount' in value) return 'a pool, whose statements run on any of its connections';
  if (!('escapeIdentifier' in value)) return null;
  const client = value as unknown as Client;
  const status = client.getTransactionStatus?.();
  if (status === null) return 'a pg client that is not connected';
  if (status === 'I') return "a pg client outside of a transaction (await client.query('begin') first)";
  return {
    // Our own parsers: the caller's process-wide ones may turn any type into anything.
    execute: async <Row extends object>({ text, params }: Statement) =>
      (await client.query({ text, values: [...params], types })).rows as Row[],
  };
}
