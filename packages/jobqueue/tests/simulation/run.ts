/** Runs worlds: many of them by seed, one again by its record, and the smallest one that still fails. */
import pg from 'pg';
import { migrate } from '../../src/postgres/migrate.ts';
import { Choices } from './choices.ts';
import { installClock } from './clock.ts';
import { separatePeers } from './process.ts';
import { Server, simulatedTime } from './server.ts';
import type { Variant } from './variants.ts';
import { Violation } from './violation.ts';
import { type Wire, World } from './world.ts';

/** A world's decisions before its calm end. Long enough for leases to end, short enough to be looked at. */
export const STEPS_OF_A_WORLD = 300;

/** One world, lived to its end. */
export interface Lived {
  /** Null: nothing happened that must not. */
  readonly violation: Violation | null;
  /** The decisions that it took, and the number of them that shrinking may touch. */
  readonly record: readonly number[];
  readonly steps: number;
  /** The same for the same record. */
  readonly hash: string;
  readonly trace: readonly string[];
  /** Times that each kind of event happened. */
  readonly events: ReadonlyMap<string, number>;
}

/** The last world of a search: one that failed, or the one with which its steps were used up. */
export interface Found {
  readonly seed: number;
  /** The sum over all worlds of the search. */
  readonly steps: number;
  readonly lived: Lived;
}

export class Simulator {
  readonly #server: Server;
  readonly #undo: readonly (() => void)[];
  #wire: Wire = (statement) => statement;

  private constructor(server: Server) {
    this.#server = server;
    this.#undo = [installClock(), separatePeers()];
  }

  /** On the database of this URL, which `prepare` has made. One at a time in a process: it replaces the process's clock. */
  static async open(url: string): Promise<Simulator> {
    return new Simulator(await Server.connect(url));
  }

  async close(): Promise<void> {
    for (const undo of this.#undo) undo();
    await this.#server.close();
  }

  /** Runs while the queue is broken as the variant says, and mends it again. */
  async breaking<T>({ sql = {}, wire }: Variant, run: () => Promise<T>): Promise<T> {
    const whole: string[] = [];
    const unbroken = this.#wire;
    try {
      for (const [name, change] of Object.entries(sql)) whole.push(await changeFunction(this.#server, name, change));
      this.#wire = wire ?? unbroken;
      return await run();
    } finally {
      this.#wire = unbroken;
      for (const function_ of whole) await this.#server.ask(function_);
    }
  }

  /** Lives world after world from this seed on, until one fails or so many steps were taken. */
  async search(
    seed: number,
    steps: number,
    onWorld: (seed: number, lived: Lived) => void = () => undefined,
  ): Promise<Found> {
    for (let taken = 0, n = seed; ; n++) {
      const lived = await this.bySeed(n);
      taken += lived.steps;
      onWorld(n, lived);
      if (lived.violation || taken >= steps) return { seed: n, steps: taken, lived };
    }
  }

  bySeed(seed: number, steps = STEPS_OF_A_WORLD): Promise<Lived> {
    return this.#live(Choices.ofSeed(seed), steps);
  }

  byRecord(record: readonly number[], steps = STEPS_OF_A_WORLD): Promise<Lived> {
    return this.#live(Choices.ofRecord(record), steps);
  }

  /** The smallest world found that fails as this one did, in at most `tries` worlds. */
  async shrink(failed: Lived, tries: number): Promise<Lived> {
    const toTheEnd = failed.steps > STEPS_OF_A_WORLD; // what failed among the decisions needs no calm end
    let best = failed;
    let left = tries;
    const attempt = async (record: readonly number[]) => {
      if (left-- <= 0) return false;
      const lived = await this.#live(Choices.ofRecord(record), Math.min(STEPS_OF_A_WORLD, best.steps), toTheEnd);
      if (lived.violation === null || weight(lived) >= weight(best)) return false;
      best = lived;
      return true;
    };
    for (let size = Math.ceil(best.record.length / 2); size >= 1 && left > 0; size = Math.floor(size / 2)) {
      for (let from = 0; from < best.record.length && left > 0; ) {
        const without = [...best.record.slice(0, from), ...best.record.slice(from + size)];
        const calmed = best.record.map((made, n) => (n >= from && n < from + size ? 0 : made));
        if (await attempt(without)) continue;
        if (calmed.some((made, n) => made !== best.record[n])) await attempt(calmed);
        from += size;
      }
    }
    return best;
  }

  async #live(choices: Choices, steps: number, toTheEnd = true): Promise<Lived> {
    await this.#empty();
    const world = new World(this.#server, choices, this.#wire);
    let violation: Violation | null = null;
    try {
      await world.live(steps, toTheEnd);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      violation = error;
    }
    await world.end();
    const { steps: taken, hash, trace, events } = world;
    return { violation, record: choices.made, steps: taken, hash, trace, events };
  }

  /** Everything as it was after the migration. */
  async #empty(): Promise<void> {
    await this.#server.ask('select simulation.reset()');
  }
}

function weight({ record, steps }: Lived): number {
  return steps * 1_000 + record.reduce((sum, made) => sum + (made === 0 ? 1 : 2), 0);
}

/** Waits for locks are in real time, which the world's does not count. And a vacuum must not come in between. */
const SHORT_WAITS = `do $$
  declare f regprocedure; t regclass;
  begin
    for f in select oid from pg_proc where pronamespace = 'jobqueue'::regnamespace and proconfig::text like '%lock_timeout%' loop
      execute format('alter function %s set lock_timeout = ''50ms''', f);
    end loop;
    for t in select oid from pg_class where relnamespace = 'jobqueue'::regnamespace and relkind = 'r' loop
      execute format('alter table %s set (autovacuum_enabled = false)', t);
    end loop;
  end $$`;

/** Every table keeps a copy of what the migration left in it, and every world begins with that. */
const RESET = `
  do $$
  declare t text;
  begin
    for t in select relname from pg_class where relnamespace = 'jobqueue'::regnamespace and relkind = 'r' loop
      execute format('create table simulation.%I as table jobqueue.%I', 'first_' || t, t);
    end loop;
  end $$;
  create function simulation.reset() returns void language plpgsql as $$
  declare t text;
  begin
    set local session_replication_role = replica;
    for t in select relname from pg_class where relnamespace = 'jobqueue'::regnamespace and relkind = 'r' and pg_relation_size(oid) > 0 loop
      -- a truncated table is filled from its first page: which of several equal rows is found first depends on where they are
      execute format(case when t = 'jobs' then 'truncate jobqueue.%I' else 'delete from jobqueue.%I' end, t);
      execute format('insert into jobqueue.%I overriding system value table simulation.%I', t, 'first_' || t);
    end loop;
    perform setval(seqrelid::regclass, seqstart, false) from pg_sequence where seqrelid in
      (select oid from pg_class where relnamespace = 'jobqueue'::regnamespace and relkind = 'S');
  end $$`;

/** Makes a database for simulations; `admin` may create one. Answers its URL. */
export async function prepare(admin: string, name: string): Promise<string> {
  const client = new pg.Client(admin);
  await client.connect();
  await client.query(`create database ${name} template template0`);
  await client.end();
  const url = new URL(admin);
  url.pathname = `/${name}`;
  const owner = new pg.Client(url.href);
  await owner.connect();
  for (const sql of simulatedTime(name)) await owner.query(sql);
  await owner.end();
  await migrate({ url: url.href, log: () => undefined });
  const migrated = new pg.Client(url.href);
  await migrated.connect();
  await migrated.query(SHORT_WAITS);
  await migrated.query(RESET);
  await migrated.end();
  return url.href;
}

/** Answers the function as it was. */
async function changeFunction(server: Server, name: string, change: (body: string) => string): Promise<string> {
  const [found] = await server.ask<{ sql: string }>(
    `select pg_get_functiondef(p.oid) as sql from pg_proc p where p.pronamespace = 'jobqueue'::regnamespace and p.proname = $1`,
    [name],
  );
  if (!found) throw new Error(`expected a function ${name} of the queue`);
  await server.ask(change(found.sql));
  return found.sql;
}
