/**
 * Virtual time and chance. Code that runs inside a simulated process reads this clock, sets these timers and draws these numbers;
 * everything else in the process, the driver and the test runner among it, keeps the real ones.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers/promises';

/** Values that a simulated process sees instead of the machine's. */
export interface Inhabitant {
  readonly clock: VirtualClock;
  /** Its wall clock is ahead of the database's by so many ms. */
  readonly skewMs: number;
  random(): number;
  uuid(): string;
}

interface Timer {
  readonly owner: Inhabitant;
  atMs: number;
  readonly everyMs: number | null;
  readonly place: number;
  readonly fire: () => void;
}

const inhabitants = new AsyncLocalStorage<Inhabitant>();

/** Runs code as a part of the process: its promises, timers and what they start belong to it too. */
export function inside<T>(inhabitant: Inhabitant, run: () => T): T {
  return inhabitants.run(inhabitant, run);
}

/** The process that the present code is a part of; undefined outside of the simulation. */
export function inhabitant(): Inhabitant | undefined {
  return inhabitants.getStore();
}

/** The time of one simulated world, ms since 1970, and its timers. */
export class VirtualClock {
  nowMs: number;
  readonly #beganMs: number;
  readonly #timers = new Set<Timer>();
  #set = 0;

  constructor(nowMs: number) {
    this.nowMs = nowMs;
    this.#beganMs = nowMs;
  }

  /** Monotonic, from 0 when the world began. */
  get elapsedMs(): number {
    return this.nowMs - this.#beganMs;
  }

  /** The timer that is due first of those whose owner is awake; null if there is none. */
  next(isAwake: (owner: Inhabitant) => boolean): Timer | null {
    let first: Timer | null = null;
    for (const timer of this.#timers) {
      if (!isAwake(timer.owner)) continue;
      if (!first || timer.atMs < first.atMs || (timer.atMs === first.atMs && timer.place < first.place)) first = timer;
    }
    return first;
  }

  fire(timer: Timer): void {
    this.nowMs = Math.max(this.nowMs, timer.atMs);
    if (timer.everyMs === null) this.#timers.delete(timer);
    else timer.atMs = this.nowMs + timer.everyMs;
    timer.fire();
  }

  /** The timers of a process that was killed. */
  forget(owner: Inhabitant): void {
    for (const timer of this.#timers) if (timer.owner === owner) this.#timers.delete(timer);
  }

  set(owner: Inhabitant, run: () => void, ms: number, repeats: boolean): Handle {
    const afterMs = Number.isFinite(ms) && ms > 0 ? ms : 0;
    const fire = () => inhabitants.run(owner, run);
    // in whole ms, which Postgres stores as they are: else an instant could lie a microsecond beside itself
    const timer = {
      owner,
      atMs: Math.ceil(this.nowMs + afterMs),
      everyMs: repeats ? Math.max(1, afterMs) : null,
      place: this.#set++,
      fire,
    };
    this.#timers.add(timer);
    return new Handle(this.#timers, timer);
  }
}

/** The used part of Node's Timeout. */
class Handle {
  readonly #all: Set<Timer>;
  readonly #timer: Timer;

  constructor(all: Set<Timer>, timer: Timer) {
    this.#all = all;
    this.#timer = timer;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  close(): void {
    this.#all.delete(this.#timer);
  }
}

/**
 * Puts the virtual clock in the place of the real one where code runs inside of a simulated process, and nowhere else. The returned function takes it
 * away again.
 */
export function installClock(): () => void {
  const real = {
    setTimeout,
    setInterval,
    setImmediate,
    clearTimeout,
    clearInterval,
    clearImmediate,
    Date,
    now: performance.now,
    random: Math.random,
    uuid: crypto.randomUUID,
    sleep: timers.setTimeout,
    turn: timers.setImmediate,
  };
  type Callback = (...args: unknown[]) => void;
  const timer =
    (otherwise: Callback, of: { readonly repeats?: boolean; readonly immediate?: boolean }) =>
    (run: Callback, ...rest: unknown[]) => {
      const owner = inhabitants.getStore();
      if (!owner) return (otherwise as unknown as (...args: unknown[]) => unknown)(run, ...rest);
      const args = of.immediate ? rest : rest.slice(1);
      return owner.clock.set(owner, () => run(...args), of.immediate ? 0 : Number(rest[0] ?? 0), of.repeats ?? false);
    };
  const clear = (otherwise: (handle: never) => void) => (handle: unknown) => {
    if (handle instanceof Handle) handle.close();
    else otherwise(handle as never);
  };
  const wallMs = () => {
    const owner = inhabitants.getStore();
    return owner ? Math.round(owner.clock.nowMs + owner.skewMs) : real.Date.now();
  };
  const wait = (owner: Inhabitant, ms: number, value: unknown) =>
    new Promise((resolve) => owner.clock.set(owner, () => resolve(value), ms, false));
  const virtualDate = new Proxy(real.Date, {
    construct: (target, args, made) => Reflect.construct(target, args.length === 0 ? [wallMs()] : args, made),
    apply: () => new real.Date(wallMs()).toString(),
    get: (target, key) => (key === 'now' ? wallMs : Reflect.get(target, key)),
  });
  Object.assign(globalThis, {
    setTimeout: timer(real.setTimeout as never, {}),
    setInterval: timer(real.setInterval as never, { repeats: true }),
    setImmediate: timer(real.setImmediate as never, { immediate: true }),
    clearTimeout: clear(real.clearTimeout),
    clearInterval: clear(real.clearInterval),
    clearImmediate: clear(real.clearImmediate),
    Date: virtualDate,
  });
  performance.now = () => inhabitants.getStore()?.clock.elapsedMs ?? real.now.call(performance);
  Math.random = () => inhabitants.getStore()?.random() ?? real.random();
  crypto.randomUUID = ((options) => inhabitants.getStore()?.uuid() ?? real.uuid(options)) as typeof crypto.randomUUID;
  timers.setTimeout = ((ms: number, value: unknown, options: unknown) => {
    const owner = inhabitants.getStore();
    return owner ? wait(owner, ms, value) : real.sleep(ms, value, options as never);
  }) as typeof timers.setTimeout;
  timers.setImmediate = ((value: unknown, options: unknown) => {
    const owner = inhabitants.getStore();
    return owner ? wait(owner, 0, value) : real.turn(value, options as never);
  }) as typeof timers.setImmediate;
  syncBuiltinESMExports();
  return () => {
    const { now, random, uuid, sleep, turn, ...globals } = real;
    Object.assign(globalThis, globals);
    performance.now = now;
    Math.random = random;
    crypto.randomUUID = uuid;
    timers.setTimeout = sleep;
    timers.setImmediate = turn;
    syncBuiltinESMExports();
  };
}
