/** The `Database` over a pool of connections: what `pg` and Neon's WebSocket driver have in common. Never retries. */
import type { Database, ExecuteOptions, Executor, Statement } from '../database.ts';
import { DEADLINES_MS } from '../deadlines.ts';
import { DRIVER_CLIENT, type DrivenDatabase } from '../driver-client.ts';
import { DatabaseUsageError, failure, isRefusal } from '../errors.ts';
import { types } from './decode.ts';
import { takeTurns } from './turns.ts';

/** A function runs few statements at once, and hundreds of instances share the server's limit (104 on Neon's smallest). */
export const MAX_CONNECTIONS = 4;
/** One is always left for statements, so that a drain's own exchanges go on while its handlers hold transactions. */
const MOST_TRANSACTIONS = MAX_CONNECTIONS - 1;
/** Each idle connection keeps its instance, and its bill, alive for as long. */
export const IDLE_MS = 5_000;
/** A suspended Neon database answers in about one second; ten are a fault. */
export const CONNECT_MS = 10_000;

interface Answer {
  readonly rows: object[];
  readonly command: string;
}

/** The used part of a `PoolClient`. */
export interface Connection {
  query(config: { text: string; values: unknown[]; types: typeof types }): Promise<Answer | Answer[]>;
  release(error?: Error | boolean): void;
  on(event: 'error', listener: () => void): unknown;
  once(event: 'end', listener: () => void): unknown;
}

/** The used part of a `Pool`. */
export interface ConnectionPool {
  connect(): Promise<Connection>;
  end(): Promise<void>;
  on(event: 'connect' | 'acquire', listener: (connection: Connection) => void): unknown;
  on(event: 'release' | 'error', listener: (error: Error, connection: Connection) => void): unknown;
}

export function pooledDatabase(
  pool: ConnectionPool,
  { driver, address }: Pick<Database, 'driver' | 'address'>,
): DrivenDatabase {
  surviveLostConnections(pool);
  const inTurn = takeTurns(MOST_TRANSACTIONS);
  let closing: Promise<void> | undefined;

  const borrow = async (limit: TimeLimit): Promise<Connection> => {
    if (closing) throw new DatabaseUsageError('database_closed', `The connection to ${address} has been closed.`);
    const connecting = pool.connect();
    try {
      return await limit.during(connecting);
    } catch (error) {
      const giveBack = (late: Connection) => late.release();
      const alreadyReported = () => undefined;
      connecting.then(giveBack, alreadyReported);
      throw failure(error, address, { sent: false });
    }
  };

  const borrowInTime = (): Promise<Connection> => {
    const limit = timeLimit();
    return borrow(limit).finally(limit.clear);
  };

  return {
    driver,
    address,

    async execute<Row extends object>(statement: Statement, { timeoutMs }: ExecuteOptions = {}): Promise<Row[]> {
      const limit = timeLimit(timeoutMs);
      try {
        const connection = await borrow(limit);
        try {
          const { rows } = await limit.during(ask(connection, statement));
          connection.release();
          return rows as Row[];
        } catch (error) {
          connection.release(!isUsableAfter(error));
          throw error;
        }
      } catch (error) {
        throw failure(error, address);
      } finally {
        limit.clear();
      }
    },

    transaction(run) {
      return inTurn(async () => inTransaction(await borrowInTime(), address, run));
    },

    async [DRIVER_CLIENT]() {
      return {
        client: pool,
        lend: (work) =>
          inTurn(async () => {
            const connection = await borrowInTime();
            return work(connection).finally(() => connection.release());
          }),
      };
    },

    close() {
      closing ??= pool.end();
      return closing;
    },
  };
}

async function inTransaction<T>(
  connection: Connection,
  address: string,
  run: (tx: Executor) => Promise<T>,
): Promise<T> {
  let state: 'open' | 'lost' | 'ended' = 'open';
  const answered = async (statement: Statement, timeoutMs?: number): Promise<Answer> => {
    const limit = timeLimit(timeoutMs);
    try {
      return await limit.during(ask(connection, statement));
    } catch (error) {
      if (!isRefusal(error) && state === 'open') {
        state = 'lost';
        connection.release(true); // destroyed at once: the server rolls back, and nothing queues behind a stuck statement
      }
      throw failure(error, address);
    } finally {
      limit.clear();
    }
  };
  const tx: Executor = {
    async execute<Row extends object>(statement: Statement, { timeoutMs }: ExecuteOptions = {}): Promise<Row[]> {
      if (state === 'ended')
        throw new DatabaseUsageError(
          'transaction_ended',
          'This transaction has ended: await every statement inside it.',
        );
      return (await answered(statement, timeoutMs)).rows as Row[];
    },
  };
  try {
    await answered(BEGIN);
    const result = await run(tx);
    const { command } = await answered(COMMIT);
    // Postgres answers the commit of a failed transaction with a silent rollback.
    if (command !== 'COMMIT')
      throw new DatabaseUsageError(
        'transaction_aborted',
        'The transaction was rolled back: a statement in it had failed, and its error was swallowed.',
      );
    connection.release();
    return result;
  } catch (error) {
    if (state === 'open') await rollBack(connection);
    throw error;
  } finally {
    state = 'ended';
  }
}

/** After FATAL the server hangs up; after a lost answer the connection may still be busy. Translated severities err on the safe side. */
function isUsableAfter(error: unknown): boolean {
  return isRefusal(error) && error.severity === 'ERROR';
}

/** Gives the connection back clean, or destroys it, which makes the server roll back. */
async function rollBack(connection: Connection): Promise<void> {
  const limit = timeLimit(DEADLINES_MS.rollback);
  const rolledBack = await limit.during(ask(connection, ROLLBACK)).then(
    () => true,
    () => false,
  );
  limit.clear();
  connection.release(!rolledBack);
}

/** Our transactions wait for locks and then look anew: at a stricter default of the role they would see what was before. */
const BEGIN: Statement = { text: 'begin isolation level read committed', params: [] };
const COMMIT: Statement = { text: 'commit', params: [] };
const ROLLBACK: Statement = { text: 'rollback', params: [] };

async function ask(connection: Connection, { text, params }: Statement): Promise<Answer> {
  const answer = await connection.query({ text, values: [...params], types });
  if (!Array.isArray(answer)) return answer;
  return answer[answer.length - 1] as Answer; // several statements without parameters: the last one's answer, as in psql
}

interface TimeLimit {
  during<T>(work: Promise<T>): Promise<T>;
  clear(): void;
}

/** One limit over all steps of a call, from the wait for a connection to the last row. */
function timeLimit(timeoutMs: number = DEADLINES_MS.statement): TimeLimit {
  let timer: NodeJS.Timeout | undefined;
  const passed = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came within ${timeoutMs} ms`)), timeoutMs);
  });
  return { during: (work) => Promise.race([work, passed]), clear: () => clearTimeout(timer) };
}

/**
 * A server restart or a frozen function loses connections at any time. Without a listener the loss of an idle one ends the
 * process, and so does that of a borrowed one between two statements. A borrowed one that is lost is taken back at once: its
 * borrower may wait for something else, and holds one of our few places.
 */
function surviveLostConnections(pool: ConnectionPool): void {
  const borrowed = new Set<Connection>();
  const alreadyReported = () => undefined; // the statement that waits for an answer rejects, and the pool drops the connection
  pool.on('error', alreadyReported);
  pool.on('acquire', (connection) => borrowed.add(connection));
  pool.on('release', (_error, connection) => borrowed.delete(connection));
  pool.on('connect', (connection) => {
    connection.on('error', alreadyReported);
    connection.once('end', () => {
      if (!borrowed.has(connection)) return;
      connection.release(true);
      connection.release = () => undefined; // the borrower's own, late release must not throw
    });
  });
}
