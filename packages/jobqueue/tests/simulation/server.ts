/**
 * The database side of a world: connections to a real PostgreSQL on which `now()` is the world's time. Statements run one at a time, and a
 * statement that has run may be left uncommitted while others go on.
 */
import type { Writable } from 'node:stream';
import pg from 'pg';
import type { Statement } from '../../src/postgres/database.ts';
import { types } from '../../src/postgres/drivers/decode.ts';

const CONNECTIONS = 6;

/**
 * Functions before those of the system, so that every unqualified `now()` and `clock_timestamp()` of the queue's SQL means them: in bodies by
 * the search path of the session, in defaults of columns by that of the migration. `now()` is when the transaction began. The clock is a
 * sequence, in µs: all see it at once, as a clock. Each body is one expression, which Postgres puts in the place of the call.
 */
const TIME = `
  create schema simulation;
  create unlogged sequence simulation.clock;
  select setval('simulation.clock', (extract(epoch from timestamptz '2026-01-01T00:00:00Z') * 1e6)::int8);
  create function simulation.now() returns timestamptz language sql stable
    as $$ select current_setting('simulation.now')::timestamptz $$;
  create function simulation.clock_timestamp() returns timestamptz language sql volatile
    as $$ select to_timestamp(pg_sequence_last_value('simulation.clock'::regclass) / 1e6::float8) $$;
  create function simulation.random() returns float8 language sql immutable as $$ select 0.0::float8 $$;
  create function simulation.client_now() returns timestamptz language sql stable
    as $$ select current_setting('simulation.client_now')::timestamptz $$`;

const CLOCK = `select setval('simulation.clock', ($1::float8 * 1000)::int8)`;
const BEGIN = `${CLOCK}, set_config('simulation.now', to_timestamp($1 / 1000)::text, true),
  set_config('simulation.client_now', to_timestamp($2::float8 / 1000)::text, true)`;

/** SQL for an empty database that is to be migrated for simulations. `name`: that database. */
export const simulatedTime = (name: string): readonly string[] => [
  TIME,
  `alter database ${name} set search_path = simulation, pg_catalog, public`,
  `alter database ${name} set simulation.now = '2026-01-01T00:00:00Z'`,
];

export class Connection {
  readonly client: pg.Client;
  pid = 0;

  constructor(url: string) {
    this.client = new pg.Client({ connectionString: url, pipeline: true });
  }

  async open(): Promise<this> {
    await this.client.connect();
    const { rows } = await this.client.query('select pg_backend_pid() as pid');
    this.pid = rows[0].pid;
    return this;
  }

  /** Sends statements in one packet, and answers what the last returned. Those with parameters are parsed once. */
  async askTogether<Row extends object>(statements: readonly Statement[]): Promise<Row[]> {
    const socket = socketOf(this.client);
    socket.cork();
    const answers = statements.map(({ text, params }) =>
      this.client.query({ text, values: [...params], types, ...(params.length > 0 && { name: nameOf(text) }) }),
    );
    socket.uncork();
    return (await Promise.all(answers)).at(-1)?.rows ?? [];
  }
}

/** The socket of a client, which its types leave out. */
function socketOf(client: pg.Client): Writable {
  return (client as unknown as { connection: { stream: Writable } }).connection.stream;
}

const names = new Map<string, string>();

/** The name of a prepared statement: the same for the same text. */
function nameOf(text: string): string {
  const name = names.get(text) ?? `s${names.size}`;
  names.set(text, name);
  return name;
}

/** The result of a statement: its rows, or the error of Postgres. */
export type Answer = { readonly rows: readonly object[] } | { readonly error: Error };

/** A transaction that has begun: its statement has run, or waits for a lock. */
export class Transaction {
  readonly connection: Connection;
  /** Null while the statement waits for a lock. */
  answer: Answer | null = null;
  /** Statements of the simulation that go out with the next one. */
  ahead: readonly Statement[] = [];

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

  /** A statement outside of the simulation. */
  ask<Row extends object>(text: string, params: readonly unknown[] = []): Promise<Row[]> {
    return this.#observer.askTogether([{ text, params }]);
  }

  /** Begins a transaction at that time, by the clocks of the database and of the client. It goes out with the first statement. */
  begin({ atMs, clientAtMs }: { readonly atMs: number; readonly clientAtMs: number }): Transaction {
    const connection = this.#free.pop(); // the one that has planned the most
    if (!connection) throw new Error('no connection is free');
    const transaction = new Transaction(connection);
    transaction.ahead = [
      { text: 'begin', params: [] },
      { text: BEGIN, params: [atMs, clientAtMs] },
    ];
    return transaction;
  }

  /** Sets the time for the next statement of a transaction that began earlier. */
  setClock(transaction: Transaction, nowMs: number): void {
    transaction.ahead = [{ text: CLOCK, params: [nowMs] }];
  }

  /** Runs the statement until it has an answer or waits for a lock. */
  async run(transaction: Transaction, statement: Statement): Promise<void> {
    transaction.answer = null;
    const all = [...transaction.ahead, statement];
    transaction.ahead = [];
    const ended = transaction.connection.askTogether(all).then(
      (rows) => {
        transaction.answer = { rows: rows.map(inOneOrder) };
      },
      (error: Error) => {
        transaction.answer = { error };
      },
    );
    // nobody else has a lock that it could wait for
    if (this.#free.length === this.#all.length - 1) await ended;
    else await this.#untilStill(transaction, ended);
  }

  async rollBack({ connection }: Transaction): Promise<void> {
    await connection.askTogether([{ text: 'rollback', params: [] }]);
    this.#free.push(connection);
  }

  /** Commits, and answers what the statement reads behind that. */
  async commit<Row extends object>({ connection }: Transaction, look: Statement): Promise<Row> {
    const [row] = await connection.askTogether<Row>([{ text: 'commit', params: [] }, look]);
    this.#free.push(connection);
    if (!row) throw new Error('expected one row of state');
    return row;
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
