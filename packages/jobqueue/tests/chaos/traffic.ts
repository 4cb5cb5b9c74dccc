/** The people of a world: one who enqueues mixed work at a steady rate, and one who operates. Both keep an account of what was answered. */
import type { Account, Ask, Flow, Pause, Replay } from './conservation.ts';
import { nowMs } from './records.ts';
import type { ChaosQueue, Mode, Work } from './work.ts';

/** Jobs of a batch, and the pause between two: about forty jobs a second. */
const BATCH = 10;
const PAUSE_MS = 250;
/** Between two acts of the operator. */
const OPERATOR_PAUSE_MS = 700;
/** The latest jobs are those that an operator knows. */
const KNOWN = 200;
const REPLAYED = 50;
/** A repeated ask: once for each answer that got lost, and a bound. */
const MOST_TRIES = 5;

const MODES: readonly (readonly [weight: number, mode: Mode])[] = [
  [50, 'ok'],
  [15, 'slow'],
  [8, 'fail'],
  [4, 'retry_after'],
  [1, 'doomed'],
  [1, 'fatal'],
  [8, 'slices'],
  [8, 'checkpoints'],
  [3, 'cancel'],
  [1, 'deaf'],
  [2, 'patient'],
];

/** Child jobs whose parents are to run one day. */
const MODES_OF_CHILDREN: readonly (readonly [weight: number, mode: Mode])[] = [
  [3, 'ok'],
  [1, 'slow'],
  [1, 'fail'],
];

const ACTOR = { actor: 'ann' } as const;

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

/** Everything that was asked of a queue, and its answers. */
export class Traffic {
  readonly #queue: ChaosQueue;
  readonly #random: () => number;
  readonly #asks: Mutable<Ask>[] = [];
  readonly #flows: Flow[] = [];
  readonly #replays: Replay[] = [];
  readonly #pauses: Mutable<Pause>[] = [];
  /** Jobs whose runs last long enough to be cancelled. */
  readonly #patient: string[] = [];
  readonly #loops = new Set<Promise<void>>();
  #isOver = false;
  #operates = true;

  constructor(queue: ChaosQueue, random: () => number) {
    this.#queue = queue;
    this.#random = random;
  }

  account(): Pick<Account, 'asks' | 'flows' | 'replays' | 'pauses'> {
    const [asks, pauses] = [this.#asks.map((ask) => ({ ...ask })), this.#pauses.map((pause) => ({ ...pause }))];
    return { asks, flows: [...this.#flows], replays: [...this.#replays], pauses };
  }

  /** Enqueues and operates until `stop`. */
  start(): void {
    this.#loops.add(this.#repeat(() => this.enqueue(), PAUSE_MS));
    this.#loops.add(this.#repeat(() => this.#operate(), OPERATOR_PAUSE_MS));
  }

  /** The operator does nothing until `act` has ended, so that old jobs come to an end, and nothing is paused then. */
  async withoutOperator<T>(act: () => Promise<T>): Promise<T> {
    this.#operates = false;
    await this.#resume();
    try {
      return await act();
    } finally {
      this.#operates = true;
    }
  }

  async stop(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await Promise.all(this.#loops);
    await this.#resume();
  }

  /** One batch: jobs of all kinds, one with a key, and sometimes a flow. */
  async enqueue(count = BATCH): Promise<void> {
    const entries = Array.from({ length: count }, () => this.#entry());
    const asks = entries.map(({ payload }) => this.#ask(payload.token, null));
    await this.#tolerating(async () => {
      const added = await this.#queue.addJobs(entries);
      for (const [n, ask] of asks.entries()) answer(ask, added[n]?.id ?? null);
      for (const [n, { payload }] of entries.entries())
        if (payload.mode === 'patient') this.#patient.push(added[n]?.id ?? '');
    });
    await this.#enqueueWithKey();
    if (this.#random() < 0.3) await this.#enqueueFlow();
  }

  /** Repeats what was not answered, as the documents say. */
  async #enqueueWithKey(): Promise<void> {
    const key = `key-${Math.floor(this.#asks.length / 300)}-${this.#below(8)}`; // new ones now and then: completed jobs hold theirs for days
    const ask = this.#ask(this.#token(), key);
    for (let tries = 1; tries <= MOST_TRIES && ask.answeredAt === null && (tries === 1 || !this.#isOver); tries++)
      await this.#tolerating(async () => {
        const work: Work = { token: ask.token, mode: this.#mode(MODES_OF_CHILDREN), n: 1 };
        const added = await this.#queue.addJob('plain', work, { idempotencyKey: key });
        answer(ask, added?.id ?? null);
      });
  }

  async #enqueueFlow(): Promise<void> {
    const node = (mode: Mode) => ({ type: 'plain' as const, payload: { token: this.#token(), mode, n: 1 } });
    const root = node('ok');
    const children = Array.from({ length: 1 + this.#below(3) }, () => node(this.#mode(MODES_OF_CHILDREN)));
    const asks = [root, ...children].map(({ payload }) => this.#ask(payload.token, null));
    await this.#tolerating(async () => {
      const ids = await this.#queue.addFlow({ ...root, children });
      const all = ids === null ? [] : [ids.id, ...ids.children.map(({ id }) => id)];
      for (const [n, ask] of asks.entries()) answer(ask, all[n] ?? null);
      const [parent, ...rest] = all;
      if (parent !== undefined) this.#flows.push({ parent, children: rest });
    });
  }

  async #operate(): Promise<void> {
    if (!this.#operates) return;
    const ids = this.#known(2);
    if (ids.length === 0) return;
    await this.#tolerating(async () => {
      switch (this.#below(6)) {
        case 0:
          await this.#queue.cancel({ ids }, { ...ACTOR, reason: 'not wanted' });
          return;
        case 1:
          await this.#queue.cancel({ ids: [...ids, ...this.#patient.slice(-1)] }, { ...ACTOR, reason: 'not wanted' });
          return;
        case 2:
          await this.#queue.pause({ type: 'urgent' }, ACTOR);
          this.#pauses.push({ type: 'urgent', from: nowMs(), to: Number.POSITIVE_INFINITY });
          return;
        case 3:
          await this.#resume();
          return;
        case 4:
          // Those of late only: jobs that can only fail would come back for ever, and each time there would be more of them.
          await this.#replay(this.#known(REPLAYED));
          return;
        case 5:
          await this.#queue.setPriority({ ids }, { ...ACTOR, priority: this.#below(11) });
          return;
      }
    });
  }

  async #replay(ids: readonly string[]): Promise<void> {
    this.#replays.push({ at: nowMs(), ids });
    await this.#queue.replay({ ids }, { ...ACTOR, statuses: ['CANCELLED', 'DEAD_LETTER'] });
  }

  async #resume(): Promise<void> {
    const now = nowMs();
    for (const pause of this.#pauses) pause.to = Math.min(pause.to, now);
    for (let tries = 1; tries <= MOST_TRIES; tries++) {
      const resumed = await this.#tolerating(() => this.#queue.resume({ type: 'urgent' }, ACTOR));
      if (resumed) return;
      await pause(PAUSE_MS);
    }
  }

  async #repeat(act: () => Promise<void>, pauseMs: number): Promise<void> {
    while (!this.#isOver) {
      await act();
      await pause(pauseMs);
    }
  }

  /** The database may refuse, be gone or answer nothing: that is what a world is for. A mistake of this code may not pass for it. */
  async #tolerating(act: () => Promise<unknown>): Promise<boolean> {
    try {
      await act();
      return true;
    } catch (error) {
      if (error instanceof TypeError || error instanceof RangeError) throw error;
      return false;
    }
  }

  #entry() {
    const type = this.#random();
    const payload: Work = { token: this.#token(), mode: this.#mode(MODES), n: this.#below(4) };
    if (type < 0.15) return { type: 'limited' as const, payload: { ...payload, mode: 'ok' as const } };
    if (type < 0.25) return { type: 'urgent' as const, payload };
    return { type: payload.mode === 'checkpoints' ? ('long' as const) : ('plain' as const), payload };
  }

  #token(): string {
    return `t${this.#asks.length}-${this.#below(1e9).toString(36)}`;
  }

  #ask(token: string, key: string | null): Mutable<Ask> {
    const ask: Mutable<Ask> = { token, key, sentAt: nowMs(), answeredAt: null, id: null };
    this.#asks.push(ask);
    return ask;
  }

  /** At most so many of the latest jobs. */
  #known(most: number): readonly string[] {
    const latest = this.#asks.slice(-KNOWN).flatMap(({ id }) => id ?? []);
    return Array.from({ length: Math.min(most, latest.length) }, () => latest[this.#below(latest.length)] as string);
  }

  #mode(modes: readonly (readonly [number, Mode])[]): Mode {
    let at = this.#below(modes.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, mode] of modes) {
      if (at < weight) return mode;
      at -= weight;
    }
    throw new RangeError('no mode has a weight');
  }

  #below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }
}

function answer(ask: Mutable<Ask>, id: string | null): void {
  ask.answeredAt = nowMs();
  ask.id = id;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
