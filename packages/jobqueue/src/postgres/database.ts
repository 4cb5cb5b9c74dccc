/** The contract between the queue and Postgres: one-shot statements, and interactive transactions where the driver has them. */

/** One SQL statement with `$1`-style placeholders. Values travel as parameters, never inside `text`. */
export interface Statement {
  readonly text: string;
  readonly params: readonly unknown[];
}

/** Options of one statement. */
export interface ExecuteOptions {
  /** The longest wait for the answer, in ms; default 30,000. After it the outcome is unknown: the statement may have committed. */
  readonly timeoutMs?: number;
}

/** Runs statements: a database, or one transaction of it. */
export interface Executor {
  /**
   * Runs one statement in one round trip and resolves to its rows. Integers up to 32 bits, floats, booleans and JSON arrive
   * decoded; every other type (bigint, numeric, timestamptz, uuid, bytea …) arrives as Postgres' text.
   * Rejects with the driver's error, whose `code` is the SQLSTATE, or unset if the answer never came.
   */
  execute<Row extends object = Record<string, unknown>>(statement: Statement, options?: ExecuteOptions): Promise<Row[]>;
}

/** A PostgreSQL database over one of the drivers. It connects on the first statement. */
export interface Database extends Executor {
  readonly driver: 'postgres' | 'neon-http' | 'neon-websocket' | 'neon';
  /** `host:port/database`: fit for a message, free of user and password. */
  readonly address: string;
  /** Runs `run` in one interactive transaction; commits when it resolves, rolls back when it rejects. */
  transaction<T>(run: (tx: Executor) => Promise<T>): Promise<T>;
  /** Ends idle connections; later calls reject. */
  close(): Promise<void>;
}
