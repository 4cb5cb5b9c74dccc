/** The wake hint: for how long nothing falls due, kept outside of Postgres, so that ticks let an idle database sleep. */
import { randomUUID } from 'node:crypto';
import type { Log } from '../core/log.ts';
import { type Duration, duration, type Names, onlyKnown } from '../core/options.ts';
import type { Executor } from '../postgres/database.ts';
import { restMs } from '../postgres/statements/rest.ts';

/** A runtime cache: `getCache()` of @vercel/functions, or anything like it. */
export interface HintCache {
  /** The value, or null or undefined if there is none. */
  get(key: string): Promise<unknown>;
  /** `ttl` in seconds. */
  set(key: string, value: unknown, options: { readonly ttl: number }): Promise<unknown>;
}

/** Lets ticks end without a query while nothing is due, so that a database that scales to zero can sleep. */
export interface SleepOptions {
  /** Shared by all that enqueue and tick with this queue, and by no other queue and no other deployment. */
  readonly cache: HintCache;
  /**
   * The longest that ticks leave the database asleep, a minute to a day, ms or like '1h'. A job that was enqueued past this queue
   * (by SQL, in a transaction without a kick, in another region) may start this late.
   */
  readonly atMost: Duration;
  /** Keeps the invocation alive until the promise settles: `waitUntil` of @vercel/functions, or anything like it. */
  readonly waitUntil: (promise: Promise<unknown>) => void;
}

const NAMES: Names<SleepOptions> = { cache: true, atMost: true, waitUntil: true };

const SHORTEST_MS = 60_000;
const LONGEST_MS = 86_400_000;
/** A tick lingers for what falls due so soon, and the clocks of two functions do not differ by as much. */
const WAKE_BEFORE_MS = 10_000;
/** A cache is quick or of no use. */
const CACHE_MS = 500;
/** The database has just answered a whole drain. */
const LOOK_MS = 2_000;

const HINT = 'hint';
const MARK = 'mark';

/** `atMost` in ms. Throws QueueError `option_invalid`. */
export function atMostMs(options: SleepOptions): number {
  const where = { call: 'createQueue', at: 'sleep.' };
  onlyKnown(options, NAMES, where);
  return duration('atMost', options.atMost, { min: SHORTEST_MS, max: LONGEST_MS }, where);
}

/**
 * Two entries: the hint, and a mark that every enqueue writes anew. A hint names the mark that was there before Postgres was
 * asked, and counts only as long as that still stands: so an enqueue ends the sleep in whatever order the two are written.
 * Whatever fails leaves the database awake, but for a mark that could not be written: then `atMost` is the bound.
 */
export class WakeHint {
  readonly #options: SleepOptions;
  readonly #atMostMs: number;
  readonly #types: readonly string[];
  readonly #log: Log;
  #writing: Promise<void> | null = null;
  #again = false;

  /** `types`: those with a handler here. */
  constructor(options: SleepOptions, types: readonly string[], log: Log) {
    this.#options = options;
    this.#atMostMs = atMostMs(options);
    this.#types = types;
    this.#log = log;
  }

  /** Time without any work, ms; null if Postgres has to be asked. Never rejects. */
  async sleepsForMs(): Promise<number | null> {
    const [hint, mark] = await Promise.all([this.#get(HINT), this.#get(MARK)]);
    if (!isHint(hint) || typeof mark !== 'string' || hint.mark !== mark) return null;
    const leftMs = hint.untilMs - Date.now();
    // Longer than any hint can be: the clock was set back.
    return leftMs > WAKE_BEFORE_MS && leftMs <= this.#atMostMs ? leftMs : null;
  }

  /** After a tick that found nothing more: asks Postgres for how long, and notes it down. Never rejects. */
  async storeHint(executor: Executor): Promise<void> {
    let mark = await this.#get(MARK);
    if (mark === undefined) return;
    if (typeof mark !== 'string') {
      // An entry that the cache has dropped must not let an older hint count again.
      mark = randomUUID();
      await this.#set(MARK, mark);
    }
    const forMs = await restMs(executor, this.#types, LOOK_MS).catch((error: unknown) => {
      this.#log('warn', 'wake_hint_failed', { error });
      return null;
    });
    if (forMs === null) return;
    await this.#set(HINT, { mark, untilMs: Date.now() + Math.min(forMs, this.#atMostMs) });
  }

  /** Something may be due: the next tick asks Postgres. Returns at once; of many calls at a time two write. */
  invalidate(): void {
    this.#again = true;
    this.#writing ??= this.#writeMarks();
    this.#options.waitUntil(this.#writing);
  }

  async #writeMarks(): Promise<void> {
    do {
      this.#again = false;
      await this.#set(MARK, randomUUID());
    } while (this.#again);
    this.#writing = null; // at once: whoever invalidates after the last look at `again` must not take this for one to come
  }

  /** Null if there is none, undefined if the cache did not say. */
  async #get(key: string): Promise<unknown> {
    try {
      return (await inTime(this.#options.cache.get(key))) ?? null;
    } catch (error) {
      this.#log('warn', 'wake_hint_failed', { error });
      return undefined;
    }
  }

  async #set(key: string, value: unknown): Promise<void> {
    try {
      await inTime(this.#options.cache.set(key, value, { ttl: Math.ceil(LONGEST_MS / 1000) }));
    } catch (error) {
      this.#log('warn', 'wake_hint_failed', { error });
    }
  }
}

interface Hint {
  readonly mark: string;
  readonly untilMs: number;
}

function isHint(value: unknown): value is Hint {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<Hint>).mark === 'string' &&
    typeof (value as Partial<Hint>).untilMs === 'number'
  );
}

async function inTime<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the cache did not answer within ${CACHE_MS} ms`)), CACHE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
