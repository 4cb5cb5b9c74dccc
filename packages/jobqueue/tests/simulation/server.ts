/**
 * The database side of a world: connections to a real PostgreSQL on which `now()` is the world's time. Statements run one at a time, and a
 * statement that has run may be left uncommitted while others go on.
 */
import pg from 'pg';
import type { Statement } from '../../src/postgres/database.ts';
import { types } from '../../src/postgres/drivers/decode.ts';

const CONNECTIONS = 6;

/**
 * Functions before those of the system, so that every unqualified `now()` and `clock_timestamp()` of the queue's SQL means them: in bodies by
 * the search path of the session, in defaults of columns by that of the migration. `now()` is when the transaction began.
 */
const TIME = `
  create schema simulation;
  create table simulation.clock (at timestamptz not null);
  insert into simulation.clock values ('2026-01-01T00:00:00Z');
  create function simulation.now() returns timestamptz language sql stable
    as $$ select coalesce(nullif(current_setting('simulation.now', true), '')::timestamptz, (select at from simulation.clock)) $$;
  create function simulation.clock_timestamp() returns timestamptz language sql volatile as $$ select at from simulation.clock $$;
  create function simulation.random() returns float8 language sql immutable as $$ select 0.0::float8 $$;
  create function simulation.client_now() returns timestamptz language sql stable
    as $$ select coalesce(nullif(current_setting('simulation.client_now', true), '')::timestamptz, simulation.now()) $$`;

/** SQL for an empty database that is to be migrated for simulations. `name`: that database. */
export const simulatedTime = (name: string): readonly string[] => [
  TIME,
  `alter database ${name} set search_path = simulation, pg_catalog, public`,
];

export class Connection {
  readonly client: pg.Client;
  pid = 0;

  constructor(url: string) {
    this.client = new pg.Client(url);
  }

  async open(): Promise<this> {
    await this.client.connect();
    const { rows } = await this.client.query('select pg_backend_pid() as pid');
    this.pid = rows[0].pid;
    return this;
  }
}

/** The result of a statement: its rows, or the error of Postgres. */
export type Answer = { readonly rows: readonly object[] } | { readonly error: Error };

/** A transaction that has begun: its statement has run, or waits for a lock. */
export class Transaction {
  readonly connection: Connection;
  /** Null while the statement waits for a lock. */
  answer: Answer | null = null;

  constructor(connection: Connection) {
    this.connection = connection;
  }
}

export class Server {
  readonly #observer: Connection;
  readonly #free: Connection[];
  readonly #all: readonly Connection[];

  private constructor(observer: Connection, connections: readonly Connection[]) {
    this.#observer = observer;
    this.#all = connections;
    this.#free = [...connections];
  }

  static async connect(url: string): Promise<Server> {
    const observer = await new Connection(url).open();
    const connections: Connection[] = [];
    for (let n = 0; n < CONNECTIONS; n++) connections.push(await new Connection(url).open());
    return new Server(observer, connections);
  }

  get hasRoom(): boolean {
    return this.#free.length > 0;
  }

  async close(): Promise<void> {
    await this.#observer.client.end();
    for (const { client } of this.#all) await client.end();
  }

  /** A statement outside of the simulation; `name`: planned once. */
  async ask<Row extends object>(text: string, params: readonly unknown[] = [], name?: string): Promise<Row[]> {
    const { rows } = await this.#observer.client.query({ text, values: [...params], types, ...(name && { name }) });
    return rows;
  }

  async setClock(nowMs: number): Promise<void> {
    await this.ask('update simulation.clock set at = to_timestamp($1::float8 / 1000)', [nowMs], 'clock');
  }

  async begin(nowMs: number, clientNowMs: number): Promise<Transaction> {
    const connection = this.#free.shift();
    if (!connection) throw new Error('no connection is free');
    const at = (ms: number) => `to_timestamp(${ms} / 1000.0)::text`;
    await connection.client.query(
      `begin; select set_config('simulation.now', ${at(nowMs)}, true), set_config('simulation.client_now', ${at(clientNowMs)}, true)`,
    );
    return new Transaction(connection);
  }

  /** Runs the statement until it has an answer or waits for a lock. */
  async run(transaction: Transaction, { text, params }: Statement): Promise<void> {
    transaction.answer = null;
    const ended = transaction.connection.client.query({ text, values: [...params], types }).then(
      ({ rows }) => {
        transaction.answer = { rows: rows.map(inOneOrder) };
      },
      (error: Error) => {
        transaction.answer = { error };
      },
    );
    await this.#untilStill(transaction, ended);
  }

  async end(transaction: Transaction, how: 'commit' | 'rollback'): Promise<void> {
    await transaction.connection.client.query(how);
    this.#free.push(transaction.connection);
  }

  /** Waits until the statement has gone on, now that others have ended, or waits again. */
  async goOn(transaction: Transaction): Promise<void> {
    await this.#untilStill(transaction, null);
  }

  /** Waits for an answer that comes by itself, such as a lock timeout's. */
  async answered(transaction: Transaction): Promise<void> {
    while (transaction.answer === null) await turn(5);
  }

  async #untilStill(transaction: Transaction, ended: Promise<void> | null): Promise<void> {
    for (let tries = 0; transaction.answer === null; tries++) {
      await (ended ? Promise.race([ended, turn(tries === 0 ? 4 : 1)]) : turn(tries === 0 ? 0 : 1));
      if (transaction.answer !== null) return;
      const [waits] = await this.ask<{ blocked: boolean }>('select pg_blocking_pids($1) && $2::int[] as blocked', [
        transaction.connection.pid,
        this.#all.map(({ pid }) => pid),
      ]);
      if (waits?.blocked) return;
    }
  }
}

/** The jobs of an exchange's answer come as Postgres finds them, which is no part of the contract. */
function inOneOrder(row: { readonly answer?: { jobs?: [id: string][] } }): object {
  row.answer?.jobs?.sort(([a], [b]) => Number(a) - Number(b));
  return row;
}

function turn(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
