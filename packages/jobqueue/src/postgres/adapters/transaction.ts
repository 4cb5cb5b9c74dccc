/** The transactions that callers bring: decides whose client one belongs to and gives an `Executor` over it. Imports no client. */
import { QueueError } from '../../core/errors.ts';
import type { Executor } from '../database.ts';
import { type DatabaseTransaction, databaseTransaction } from './database.ts';
import { type DrizzleTransaction, drizzleTransaction } from './drizzle.ts';
import { type KyselyTransaction, kyselyTransaction } from './kysely.ts';
import { type PgTransaction, pgTransaction } from './pg.ts';
import { type PostgresJsTransaction, postgresJsTransaction } from './postgres-js.ts';
import { type PrismaTransaction, prismaTransaction } from './prisma.ts';
import type { Recognised } from './recognised.ts';

/**
 * An open transaction of the caller's, in which jobs are enqueued: they exist once it commits. Accepted are the transactions of a
 * `Database`, drizzle, `pg` and Neon's `Client` or `PoolClient`, postgres.js, Prisma and Kysely. The time limits of that client
 * hold, because the queue cannot bound the answer of a connection that is not its own.
 */
export type Transaction =
  | DatabaseTransaction
  | DrizzleTransaction
  | PgTransaction
  | PostgresJsTransaction
  | PrismaTransaction
  | KyselyTransaction;

/** Drizzle and our own database both have `execute`, so the order counts: drizzle marks its classes, ours is known by that alone. */
const CLIENTS: readonly ((value: object) => Recognised)[] = [
  drizzleTransaction,
  kyselyTransaction,
  prismaTransaction,
  postgresJsTransaction,
  pgTransaction,
  databaseTransaction,
];

/**
 * The executor over a caller's transaction. It carries the statements of an enqueue, whose columns are texts and booleans, because
 * each client decodes other types in its own way. Throws QueueError `transaction_unsupported` for all that is no open transaction:
 * a statement through it would be committed whether or not the caller's own writes are.
 */
export function transactionExecutor(transaction: Transaction): Executor {
  const given: unknown = transaction;
  if ((typeof given !== 'object' && typeof given !== 'function') || given === null) throw unsupported(String(given));
  for (const recognise of CLIENTS) {
    const recognised = recognise(given);
    if (typeof recognised === 'string') throw unsupported(recognised);
    if (recognised !== null) return recognised;
  }
  throw unsupported(nameOf(given));
}

function nameOf(value: object): string {
  if (typeof value === 'function') return `a function${value.name && ` '${value.name}'`}`;
  const name: unknown = value.constructor?.name;
  return typeof name === 'string' && name !== 'Object' ? `an object of class ${name}` : 'an object of no known client';
}

function unsupported(got: string): QueueError {
  return new QueueError(
    'transaction_unsupported',
    `transaction: expected an open transaction, got ${got}. Supported are: the tx of database().transaction(…); drizzle's tx of ` +
      "db.transaction(…); a pg or Neon Client or PoolClient after its 'begin' was answered; postgres.js' sql inside sql.begin(…); " +
      "Prisma's client inside prisma.$transaction(async (tx) => …); Kysely's trx of db.transaction().execute(…). Neon's HTTP driver " +
      'and drizzle over it have no such transactions: put queue.statement(…) into sql.transaction([…]) or db.batch([…])',
  );
}
