/** Prisma's interactive transactions, over PostgreSQL. Imports no Prisma. */
import type { Statement } from '../database.ts';
import type { Recognised } from './recognised.ts';

/** The `tx` of `prisma.$transaction(async (tx) => …)`. It ends after Prisma's `timeout`, by default 5 s. */
export interface PrismaTransaction {
  $queryRawUnsafe(query: string, ...values: never[]): PromiseLike<unknown>;
}

interface Client {
  $queryRawUnsafe(query: string, ...values: unknown[]): PromiseLike<object[]>;
}

export function prismaTransaction(value: object): Recognised {
  if (!('$queryRawUnsafe' in value)) return null;
  // Prisma takes this method away from the client of a transaction, and has since it has them.
  if ('$connect' in value) return "Prisma's client outside of $transaction(async (tx) => …)";
  const prisma = value as unknown as Client;
  return {
    async execute<Row extends object>({ text, params }: Statement) {
      try {
        return (await prisma.$queryRawUnsafe(text, ...params)) as Row[];
      } catch (error) {
        throw withSqlstate(error);
      }
    },
  };
}

/** Prisma's own code for all failures of raw queries; it looks like an SQLSTATE and is none. */
const RAW_QUERY_FAILED = 'P2010';

/**
 * Prisma hides the SQLSTATE in `meta`, at one place with a driver adapter, at another with its former engine. An error of Postgres is
 * given as one that has it as `code`, with Prisma's own as `cause`. All others pass as they are.
 */
function withSqlstate(error: unknown): unknown {
  const { code, meta } = error as { code?: unknown; meta?: Meta };
  if (code !== RAW_QUERY_FAILED) return error;
  const sqlstate = meta?.driverAdapterError?.cause?.originalCode ?? meta?.code;
  if (typeof sqlstate !== 'string') return error;
  const message = meta?.driverAdapterError?.cause?.originalMessage ?? meta?.message ?? 'Prisma: a raw query failed';
  return Object.assign(new Error(message, { cause: error }), { code: sqlstate });
}

interface Meta {
  readonly code?: unknown;
  readonly message?: string;
  readonly driverAdapterError?: {
    readonly cause?: { readonly originalCode?: unknown; readonly originalMessage?: string };
  };
}
