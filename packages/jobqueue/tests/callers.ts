/** The clients that callers have, as their own documentation opens them: each runs one of its transactions, and writes a row in it. */
import { Pool as NeonPool, neonConfig } from '@neondatabase/serverless';
import { sql as drizzleSql } from 'drizzle-orm';
import { drizzle as drizzleNeon } from 'drizzle-orm/neon-serverless';
import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres';
import { drizzle as drizzlePostgresJs } from 'drizzle-orm/postgres-js';
import { CamelCasePlugin, Kysely, sql as kyselySql, PostgresDialect } from 'kysely';
import pg from 'pg';
import postgres from 'postgres';
import { WebSocket } from 'ws';
import type { Transaction } from '../src/index.ts';
import { connect } from '../src/postgres/connect.ts';
import { requireTool } from './tools/installed.ts';

/** The body of a transaction: `order` writes the caller's own row with the same client. */
export type Work = (tx: Transaction, order: (n: number) => PromiseLike<unknown>) => Promise<void>;

export interface Caller {
  /** Commits when `work` resolves; rolls back, and rejects, when it rejects. */
  transaction(work: Work): Promise<unknown>;
  /** Values of the same client that are no transaction, by what the error calls them. */
  readonly others: Readonly<Record<string, unknown>>;
  close(): Promise<unknown>;
}

const ORDER = 'insert into orders values ($1)';

/** Neon's driver takes the way to a stand-in from its global settings. */
export function aimNeonAt(origin: string): void {
  const { host } = new URL(origin);
  neonConfig.fetchEndpoint = () => `${origin}/sql`;
  neonConfig.wsProxy = () => `${host}/v2`;
  neonConfig.useSecureWebSocket = false;
  neonConfig.pipelineConnect = false;
  neonConfig.webSocketConstructor = WebSocket;
}

export const CALLERS = {
  Database(url) {
    const database = connect(url);
    return {
      transaction: (work) => database.transaction((tx) => work(tx, (n) => tx.execute({ text: ORDER, params: [n] }))),
      others: { 'a whole Database': database },
      close: () => database.close(),
    };
  },

  'drizzle, node-postgres'(url) {
    const pool = new pg.Pool({ connectionString: url });
    const db = drizzlePg({ client: pool });
    return {
      transaction: (work) =>
        db.transaction((tx) => work(tx, (n) => tx.execute(drizzleSql`insert into orders values (${n})`))),
      others: { "drizzle's NodePgDatabase": db },
      close: () => pool.end(),
    };
  },

  'drizzle, a transaction in a transaction'(url) {
    const pool = new pg.Pool({ connectionString: url });
    const db = drizzlePg({ client: pool });
    return {
      transaction: (work) =>
        db.transaction((outer) =>
          outer.transaction((tx) => work(tx, (n) => outer.execute(drizzleSql`insert into orders values (${n})`))),
        ),
      others: {},
      close: () => pool.end(),
    };
  },

  'drizzle, postgres-js'(url) {
    const client = postgres(url, { max: 2 });
    const db = drizzlePostgresJs({ client });
    return {
      transaction: (work) =>
        db.transaction((tx) => work(tx, (n) => tx.execute(drizzleSql`insert into orders values (${n})`))),
      others: { "drizzle's PostgresJsDatabase": db },
      close: () => client.end(),
    };
  },

  'drizzle, neon-serverless'(url) {
    const pool = new NeonPool({ connectionString: url });
    const db = drizzleNeon({ client: pool });
    return {
      transaction: (work) =>
        db.transaction((tx) => work(tx, (n) => tx.execute(drizzleSql`insert into orders values (${n})`))),
      others: { "drizzle's NeonServerlessDatabase": db },
      close: () => pool.end(),
    };
  },

  'pg, a Client'(url) {
    const client = new pg.Client(url);
    // Parsers of the caller's, as people set them who want bigint for int8.
    client.setTypeParser(20, BigInt);
    client.setTypeParser(25, (text) => text?.toUpperCase() ?? null);
    const connected = client.connect();
    return {
      async transaction(work) {
        await connected;
        return by(client, work);
      },
      others: { 'a pg client that is not connected': new pg.Client(url) },
      close: () => client.end(),
    };
  },

  'pg, a PoolClient'(url) {
    const pool = new pg.Pool({ connectionString: url });
    return {
      async transaction(work) {
        const client = await pool.connect();
        return by(client, work).finally(() => client.release());
      },
      others: { 'a pool': pool },
      close: () => pool.end(),
    };
  },

  "Neon's PoolClient"(url) {
    const pool = new NeonPool({ connectionString: url });
    return {
      async transaction(work) {
        const client = await pool.connect();
        return by(client, work).finally(() => client.release());
      },
      others: { 'a pool': pool },
      close: () => pool.end(),
    };
  },

  'postgres.js'(url) {
    const sql = postgres(url, { max: 2, types: { bigint: postgres.BigInt } });
    return {
      transaction: (work) => sql.begin((tx) => work(tx, (n) => tx`insert into orders values (${n})`)),
      others: { "postgres.js' sql outside of sql.begin": sql },
      close: () => sql.end(),
    };
  },

  'postgres.js, a savepoint'(url) {
    const sql = postgres(url, { max: 2, transform: postgres.camel });
    return {
      transaction: (work) =>
        sql.begin((tx) => tx.savepoint((inner) => work(inner, (n) => tx`insert into orders values (${n})`))),
      others: {},
      close: () => sql.end(),
    };
  },

  Prisma(url) {
    const prisma = prismaClient(url);
    return {
      transaction: (work) => prisma.$transaction((tx) => work(tx, (n) => tx.$executeRawUnsafe(ORDER, n))),
      others: { "Prisma's client outside of $transaction": prisma },
      close: () => prisma.$disconnect(),
    };
  },

  'Prisma, extended'(url) {
    const prisma = prismaClient(url);
    const extended = prisma.$extends({ name: 'ours', client: { $shout: () => 'extended' } });
    return {
      transaction: (work) => extended.$transaction((tx) => work(tx, (n) => tx.$executeRawUnsafe(ORDER, n))),
      others: { "Prisma's client outside of $transaction": extended },
      close: () => prisma.$disconnect(),
    };
  },

  Kysely(url) {
    const db = new Kysely<Tables>({
      dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url }) }),
      plugins: [new CamelCasePlugin()],
    });
    return {
      transaction: (work) =>
        db.transaction().execute((trx) => work(trx, (n) => trx.insertInto('orders').values({ n }).execute())),
      others: { 'Kysely outside of a transaction': db },
      close: () => db.destroy(),
    };
  },

  'Kysely, a controlled transaction'(url) {
    const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url }) }) });
    return {
      async transaction(work) {
        const trx = await db.startTransaction().execute();
        try {
          await work(trx, (n) => kyselySql`insert into orders values (${n})`.execute(trx));
          await trx.commit().execute();
        } catch (error) {
          await trx.rollback().execute();
          throw error;
        }
      },
      others: {},
      close: () => db.destroy(),
    };
  },
} satisfies Record<string, (url: string) => Caller>;

/** Callers that reach the database through Neon's proxy alone. */
export const THROUGH_NEON: readonly string[] = ["Neon's PoolClient", 'drizzle, neon-serverless'];

/** Callers whose client is one of the tools that not every install has. */
export const OF_TOOLS: readonly string[] = ['Prisma', 'Prisma, extended'];

interface Tables {
  readonly orders: { readonly n: number };
}

interface Session {
  query(text: string, values?: unknown[]): Promise<unknown>;
  escapeIdentifier(text: string): string;
}

async function by(client: Session, work: Work): Promise<void> {
  await client.query('begin');
  try {
    await work(client, (n) => client.query(ORDER, [n]));
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

/** The output of `prisma generate` 7.10 for a schema without models. */
const GENERATED = {
  previewFeatures: [],
  clientVersion: '7.10.0',
  engineVersion: '0edf323efd1d98336f3f0a68684b56f689b900d3',
  activeProvider: 'postgresql',
  inlineSchema:
    'generator client {\n  provider = "prisma-client"\n  output   = "./generated"\n}\n\ndatasource db {\n  provider = "postgresql"\n}\n',
  runtimeDataModel: { models: {}, enums: {}, types: {} },
  parameterizationSchema: { strings: [], graph: 'AAAA' },
  compilerWasm: {
    getRuntime: async () => requireTool('@prisma/client/runtime/query_compiler_fast_bg.postgresql.js'),
    getQueryCompilerWasmModule: async () => {
      const { wasm } = requireTool('@prisma/client/runtime/query_compiler_fast_bg.postgresql.wasm-base64.js');
      return new WebAssembly.Module(Buffer.from(wasm, 'base64'));
    },
    importName: './query_compiler_fast_bg.js',
  },
};

interface Prisma {
  $executeRawUnsafe(text: string, ...values: unknown[]): PromiseLike<number>;
  $queryRawUnsafe<T = unknown>(text: string, ...values: unknown[]): PromiseLike<T>;
  $transaction<T>(run: (tx: Omit<Prisma, '$connect' | '$disconnect' | '$extends'>) => Promise<T>): Promise<T>;
  $extends(extension: object): Prisma;
  $connect(): Promise<void>;
  $disconnect(): Promise<void>;
}

function prismaClient(url: string): Prisma {
  const { getPrismaClient } = requireTool('@prisma/client/runtime/client') as {
    getPrismaClient(generated: typeof GENERATED): new (options: { adapter: unknown }) => Prisma;
  };
  const { PrismaPg } = requireTool('@prisma/adapter-pg') as {
    PrismaPg: new (options: { connectionString: string }) => unknown;
  };
  return new (getPrismaClient(GENERATED))({ adapter: new PrismaPg({ connectionString: url }) });
}
