/** A simulated process: a queue over a network that the world decides about, a clock of its own, and what its handlers do. */

import type { Peer } from '../../src/drain/process-peers.ts';
import type { Database, Executor, Statement } from '../../src/postgres/database.ts';
import { ConnectionError } from '../../src/postgres/errors.ts';
import { processGlobal } from '../../src/postgres/process-global.ts';
import { numbersFrom } from './choices.ts';
import { type Inhabitant, inhabitant, inside, type VirtualClock } from './clock.ts';
import type { Answer, Transaction } from './server.ts';

/** A transaction of several statements that a process has begun. */
export interface Interactive {
  transaction: Transaction | null;
}

/** A statement on its way to Postgres. */
export interface Sent {
  readonly process: SimulatedProcess;
  readonly statement: Statement;
  /** The function of the queue that it calls, or 'commit'. */
  readonly name: string;
  readonly place: number;
  readonly interactive: Interactive | null;
  /** Hands the answer to the process. Null once nobody waits for it any more. */
  deliver: ((answer: Answer) => void) | null;
}

/** The world, as its processes see it. */
export interface Network {
  /** The place of the next statement in the order of all. */
  nextPlace(): number;
  send(sent: Sent): void;
}

const ADDRESS = 'the simulated database';

export class SimulatedProcess implements Inhabitant {
  readonly name: string;
  readonly clock: VirtualClock;
  readonly skewMs: number;
  isAlive = true;
  /** Stopped as by SIGSTOP: until then neither timers nor answers reach it. */
  frozenUntilMs = 0;
  /** Something happened to it or to a statement of it that may keep a job until its lease ends. */
  wasHit = false;
  readonly database: Database;
  readonly #random: () => number;
  readonly #network: Network;
  #isBooting = true;

  constructor(name: string, clock: VirtualClock, network: Network, of: { skewMs: number; seed: number }) {
    this.name = name;
    this.clock = clock;
    this.skewMs = of.skewMs;
    this.#network = network;
    this.#random = numbersFrom(of.seed);
    this.database = {
      driver: 'postgres',
      address: ADDRESS,
      execute: (statement, options) => this.#execute(statement, null, options?.timeoutMs) as Promise<never>,
      transaction: (run) => this.#transaction(run),
      close: async () => undefined,
    };
  }

  random(): number {
    return this.#random();
  }

  uuid(): string {
    const hex = Array.from({ length: 32 }, () => Math.floor(this.#random() * 16).toString(16)).join('');
    return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20)].join(
      '-',
    );
  }

  /** Runs what loads modules, which takes real time, before the world's time counts. No statement gets out. */
  async boot(load: () => Promise<unknown>): Promise<void> {
    await load().catch(() => undefined);
    this.#isBooting = false;
  }

  run<T>(work: () => T): T {
    return inside(this, work);
  }

  isAwake(): boolean {
    return this.isAlive && this.clock.nowMs >= this.frozenUntilMs;
  }

  #execute(statement: Statement, interactive: Interactive | null, timeoutMs = 30_000): Promise<object[]> {
    if (this.#isBooting)
      return Promise.reject(Object.assign(new Error('booting'), { code: '3D000', severity: 'FATAL' }));
    return new Promise((resolve, reject) => {
      const name =
        /jobqueue\.(add_\w+)\(/.exec(statement.text)?.[1] ??
        /jobqueue\.(\w+)\(/.exec(statement.text)?.[1] ??
        statement.text.slice(0, 40);
      const sent: Sent = {
        process: this,
        place: this.#network.nextPlace(),
        statement,
        name,
        interactive,
        deliver: (answer) => {
          sent.deliver = null;
          timer?.close();
          if ('rows' in answer) resolve([...answer.rows]);
          else reject(answer.error);
        },
      };
      const timer = this.clock.set(
        this,
        () => {
          if (!sent.deliver) return;
          this.wasHit = true;
          sent.deliver({ error: noAnswer(`nothing came within ${timeoutMs} ms`) });
        },
        timeoutMs,
        false,
      );
      this.#network.send(sent);
    });
  }

  async #transaction<T>(run: (tx: Executor) => Promise<T>): Promise<T> {
    const interactive: Interactive = { transaction: null };
    const tx: Executor = {
      execute: (statement, options) => this.#execute(statement, interactive, options?.timeoutMs) as Promise<never>,
    };
    let result: T;
    try {
      result = await run(tx);
    } catch (error) {
      await this.#execute({ text: 'rollback', params: [] }, interactive);
      throw error;
    }
    await this.#execute({ text: 'commit', params: [] }, interactive);
    return result;
  }
}

export function noAnswer(reason: string): ConnectionError {
  return new ConnectionError(`no answer from ${ADDRESS}: ${reason}`, { cause: new Error(reason), sent: true });
}

/** The drains of one process know each other; here each simulated process is to know its own alone. The returned function ends that. */
export function separatePeers(): () => void {
  const peers = processGlobal('drains', () => new Set<Peer>());
  const outside = {};
  const byOwner = new WeakMap<object, Set<Peer>>(); // weak: the drains of a killed process never leave
  const here = () => {
    const owner = inhabitant() ?? outside;
    const mine = byOwner.get(owner) ?? new Set();
    byOwner.set(owner, mine);
    return mine;
  };
  const own = {
    add(peer: Peer) {
      here().add(peer);
      return peers;
    },
    delete: (peer: Peer) => here().delete(peer),
    [Symbol.iterator]: () => here().values(),
  };
  Object.assign(peers, own);
  return () => {
    for (const key of Reflect.ownKeys(own)) Reflect.deleteProperty(peers, key);
  };
}
