/** A world: a server, a way to it, drain processes that tick, people who enqueue and operate, and the account that they all leave behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type Database } from '@conversure/jobqueue/postgres';
import { numbersFrom } from '../simulation/choices.ts';
import { type Account, checkConservation, type Disturbance, type Row, type Verdict } from './conservation.ts';
import { compileWorker } from './programs.ts';
import { type Fact, nowMs, readRecords } from './records.ts';
import { Traffic } from './traffic.ts';
import { chaosQueue } from './work.ts';
import type { Orders } from './worker.ts';

/** One invocation of a function: short, so that ticks end and leases are short. */
export const BUDGET_MS = 8_000;
/** The longest lease of a job in a world: until its drain's end, and the margin behind it. */
export const LEASE_MS = BUDGET_MS + 15_000;

/** The way to a database that a world uses, and what only its superuser may do there. */
export interface Place {
  /** The URL of every process. */
  readonly url: string;
  /** A statement beside the world, which no fault on the way reaches. */
  ask<Row extends object>(text: string): Promise<Row[]>;
}

/** A drain process. */
export interface Worker {
  readonly name: string;
  readonly child: ChildProcess;
  /** Code and signal with which it ended. */
  readonly ended: Promise<readonly [code: number | null, signal: NodeJS.Signals | null]>;
  /** Its end is part of the plan: any other is a violation. */
  expected: boolean;
}

export class World {
  readonly place: Place;
  readonly random: () => number;
  readonly traffic: Traffic;
  /** Found beside conservation: processes that ended by themselves, a world that does not come to rest. */
  readonly violations: string[] = [];
  readonly #folder: string;
  readonly #program: string;
  readonly #database: Database;
  readonly #disturbances: { process: string | null; kind: Disturbance['kind']; from: number; to: number }[] = [];
  readonly #workers = new Set<Worker>();
  readonly #ended = new Map<string, Row>();
  #started = 0;

  private constructor(place: Place, seed: number, folder: string, program: string) {
    this.place = place;
    this.random = numbersFrom(seed);
    this.#folder = folder;
    this.#program = program;
    this.#database = connect(place.url);
    this.traffic = new Traffic(chaosQueue(this.#database, null), numbersFrom(seed + 1));
    process.once('exit', this.#abandon);
  }

  /** A world without processes over a migrated database. */
  static async open(place: Place, seed: number): Promise<World> {
    const folder = mkdtempSync(join(tmpdir(), 'jobqueue-world-'));
    mkdirSync(join(folder, 'records'));
    return new World(place, seed, folder, await compileWorker(folder));
  }

  /** The folder of the handlers' records. */
  get records(): string {
    return join(this.#folder, 'records');
  }

  /** Processes that nobody has told to end. */
  get workers(): readonly Worker[] {
    return [...this.#workers].filter(({ expected }) => !expected);
  }

  /** A whole number from `least` to `most`, by the seed. */
  between(least: number, most: number): number {
    return least + Math.floor(this.random() * (most - least + 1));
  }

  /** One of the workers, by the seed. */
  someWorker(): Worker {
    const { workers } = this;
    const worker = workers[this.between(0, workers.length - 1)];
    if (!worker) throw new Error('the world has no process');
    return worker;
  }

  startWorker(options: Partial<Orders> = {}): Worker {
    const name = `process-${++this.#started}`;
    const child = spawn(process.execPath, [this.#program], { stdio: ['pipe', 'ignore', 'pipe'] });
    const orders: Orders = {
      url: this.place.url,
      name,
      records: this.records,
      budgetMs: BUDGET_MS,
      concurrency: 10,
      maxBatch: 50,
      ...options,
    };
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-2_000);
    });
    child.stdin.on('error', () => undefined); // it may be killed before it reads
    child.stdin.write(`${JSON.stringify(orders)}\n`);
    const ended = once(child, 'close').then(([code, signal]) => {
      this.#workers.delete(worker);
      if (!worker.expected && !(options.untilEmpty && code === 0))
        this.violations.push(`${name} ended by itself with ${code ?? signal}: ${complaint}`);
      return [code, signal] as const;
    });
    const worker: Worker = { name, child, ended, expected: false };
    this.#workers.add(worker);
    return worker;
  }

  /** Waits until every process has begun its first run. */
  async isAtWork(patienceMs: number): Promise<void> {
    for (const until = nowMs() + patienceMs; ; ) {
      const begun = new Set(this.facts().map(({ what, process }) => (what === 'begin' ? process : '')));
      if (this.workers.every(({ name }) => begun.has(name))) return;
      if (nowMs() > until) throw new Error(`some process has begun no run within ${patienceMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** All facts up to now. */
  facts(): readonly Fact[] {
    return readRecords(this.records);
  }

  /** SIGKILL, at once. */
  async kill(worker: Worker): Promise<void> {
    worker.expected = true;
    await this.disturb(worker.name, 'killed', async () => {
      worker.child.kill('SIGKILL');
      await worker.ended;
    });
  }

  /** Notes that something happens to a process, or to the way to Postgres, as long as `act` takes. */
  async disturb(process: string | null, kind: Disturbance['kind'], act: () => Promise<void>): Promise<void> {
    const disturbance = { process, kind, from: nowMs(), to: Number.POSITIVE_INFINITY };
    this.#disturbances.push(disturbance);
    await act();
    disturbance.to = nowMs();
  }

  /** Waits until no job is left that was made before this instant, but parents whose children failed. Answers the wait, ms; null: it was in vain. */
  async endOfAllBefore(instantMs: number, patienceMs: number): Promise<number | null> {
    const from = nowMs();
    for (;;) {
      const [left] = await this.place.ask<{ n: number }>(
        `select count(*)::int as n from jobqueue.live_jobs where created_at < to_timestamp(${instantMs / 1_000}) and due_at < '9000-01-01'`,
      );
      if (left?.n === 0) return nowMs() - from;
      if (nowMs() - from > patienceMs) return null;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  /** Every account up to now, as conservation judges it. */
  async verdict({ isAtRest = false } = {}): Promise<Verdict> {
    return checkConservation(await this.account({ isAtRest }));
  }

  /** Keeps what has ended by now, because a world with short retention deletes it. */
  async remember(): Promise<void> {
    for (const row of await this.place.ask<Row>(ROWS)) if (row.status !== null) this.#ended.set(row.id, row);
  }

  async account({ isAtRest = false } = {}): Promise<Account> {
    const readAt = nowMs();
    const present = await this.place.ask<Row>(ROWS);
    const ids = new Set(present.map(({ id }) => id));
    const rows = [...present, ...[...this.#ended.values()].filter(({ id }) => !ids.has(id))];
    const { asks, flows, replays, pauses } = this.traffic.account(); // behind the rows, all of which were asked before
    return {
      asks,
      flows,
      replays,
      pauses,
      rows,
      readAt,
      facts: this.facts(),
      disturbances: this.#disturbances,
      isAtRest,
    };
  }

  /** Lets all work end, then all processes. False: some job did not end in `patienceMs`, and its story is in the violations. */
  async comeToRest(patienceMs: number): Promise<boolean> {
    await this.traffic.stop();
    const waited = await this.endOfAllBefore(nowMs() + 1_000, patienceMs);
    if (waited === null) this.violations.push(`the world did not come to rest within ${patienceMs} ms`);
    await this.endWorkers();
    return waited !== null;
  }

  /** Ends each process between two ticks. */
  async endWorkers(): Promise<void> {
    await Promise.all(
      this.workers.map(async (worker) => {
        worker.expected = true;
        worker.child.stdin?.end();
        const [code, signal] = await worker.ended;
        if (code !== 0) this.violations.push(`${worker.name} ended with ${code ?? signal}`);
      }),
    );
  }

  async close(): Promise<void> {
    process.off('exit', this.#abandon);
    await this.traffic.stop();
    for (const worker of this.#workers) {
      worker.expected = true;
      worker.child.kill('SIGKILL');
      await worker.ended;
    }
    await this.#database.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  readonly #abandon = () => {
    for (const { child } of this.#workers) child.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  };
}

/** Every job, wherever it is, in one statement: a job that moves meanwhile is seen once. */
const ROWS = `
  select id::text as id, type, payload ->> 'token' as token, payload ->> 'mode' as mode, idempotency_key as key, null as status, fence::int as fence,
         null::float8 as "finishedAt", errors -> -1 ->> 'code' as code
  from jobqueue.live_jobs
  union all
  select id::text, type, payload ->> 'token', payload ->> 'mode', idempotency_key, status::text, fence::int,
         (extract(epoch from finished_at) * 1000)::float8, errors -> -1 ->> 'code'
  from jobqueue.finished_jobs`;
