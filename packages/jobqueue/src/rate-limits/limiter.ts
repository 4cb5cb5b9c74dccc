/** The tokens of one process: taken from Postgres in batches, shared by its drains and jobs, and given back when nobody wants them. */

import {
  askAfterMs,
  BUCKETS_A_STATEMENT,
  type BucketLimit,
  blockMs,
  comeBackMs,
  MAX_SHORT_MS,
  type TokenAnswer,
  USES_MS,
  usableMs,
  worthReturning,
} from '../core/bucket.ts';
import type { Log } from '../core/log.ts';
import { meanAfter } from '../core/mean.ts';
import { classifyError } from '../core/sqlstate.ts';
import type { Executor } from '../postgres/database.ts';
import { blockBucket, returnTokens, type TakeAnswer, takeTokens } from '../postgres/statements/buckets.ts';
import {
  type Bucket,
  type Entry,
  type Grant,
  handOut,
  newBucket,
  newWaiter,
  noteUse,
  postpone,
  putBack,
  type Question,
  requestFor,
  type Waiter,
} from './waiters.ts';

/** A take is a few row updates; who gets no answer within this time asks anew, and tokens of the lost answer are lost. */
const ANSWER_TIMEOUT_MS = 2_000;
const ASK_AGAIN_MS = 250;
/** Its caller has nothing else to do meanwhile. */
const TAKE_NOW_TIMEOUT_MS = 5_000;
/** As take_tokens_1 reads it: used within a second, one token a bucket, and no place in a line, since nobody waits for so long. */
const NOW = { want: 1, spare: 0, waiting: 1, returning: 1, patienceMs: 3_600_000, holdMs: 1_000 };
/** Without an answer nobody knows when there will be a token. */
const UNANSWERED_MS = 5_000;
/** The most buckets remembered without a waiting job. */
const MOST_REMEMBERED = 1_000;

export class RateLimiter {
  readonly #executor: () => Executor;
  readonly #log: Log;
  readonly #buckets = new Map<string, Bucket>();
  /** Those that somebody waits for. */
  readonly #wanted = new Set<Bucket>();
  readonly #pending = new Set<Promise<void>>();
  #drains = 0;
  #roundTripMs: number | null = null;
  #askTimer: NodeJS.Timeout | NodeJS.Immediate | null = null;
  #returnTimer: NodeJS.Timeout | null = null;

  constructor(executor: () => Executor, log: Log) {
    this.#executor = executor;
    this.#log = log;
  }

  /** Runs a drain; after the last of those that run at once, tokens in hand go back. */
  async during<T>(drain: () => Promise<T>): Promise<T> {
    this.#drains++;
    try {
      return await drain();
    } finally {
      this.#drains--;
      if (this.#drains === 0) await this.#close();
    }
  }

  acquire(entry: Entry): Waiter {
    const now = performance.now();
    const waiter = newWaiter(entry, now);
    const bucket = this.#bucketOf(entry);
    bucket.waiters.push(waiter);
    this.#serve(bucket, now);
    return waiter;
  }

  /**
   * Uses the token of a granted waiter. `false`: it is too old, and the waiter waits for another, or has one already. `now` is the
   * caller's one reading of the clock: a token that was granted at the same instant is never too old.
   */
  consume(waiter: Waiter, now: number): boolean {
    if (now < waiter.untilMs) {
      waiter.state = 'over';
      const bucket = this.#bucketOf(waiter.entry);
      noteUse(bucket, now);
      return true;
    }
    const bucket = this.#bucketOf(waiter.entry);
    putBack(bucket, waiter);
    waiter.state = 'waiting';
    waiter.untilMs = now + waiter.entry.maxWaitMs;
    bucket.waiters.unshift(waiter);
    this.#serve(bucket, now);
    return false;
  }

  /** Gives up its place, or its token to the next. */
  release(waiter: Waiter): void {
    const bucket = this.#bucketOf(waiter.entry);
    const { state } = waiter;
    waiter.state = 'over';
    bucket.waiters = bucket.waiters.filter((other) => other !== waiter);
    if (state === 'granted') {
      putBack(bucket, waiter);
      this.#serve(bucket, performance.now());
    }
  }

  /** Time until the bucket may have a token, ms; 0 if it may have one now. */
  shortForMs(key: string, nowMs: number): number {
    const bucket = this.#buckets.get(key);
    if (!bucket || bucket.grants.some(({ untilMs }) => untilMs > nowMs)) return 0;
    return Math.max(0, bucket.shortUntilMs - nowMs);
  }

  /** True if claiming more jobs than can start now is useful, because they learn when to come back. */
  isOversubscribed(key: string): boolean {
    return this.#buckets.get(key)?.isOversubscribed ?? false;
  }

  /** One token of each bucket that has one now, past what this process has in hand. At most BUCKETS_A_STATEMENT, each key once. */
  async takeNow(buckets: readonly BucketLimit[]): Promise<readonly TokenAnswer[]> {
    if (buckets.length === 0) return [];
    const requests = buckets.map(({ key, perSecond, burst }) => ({ key, perSecond, burst, ...NOW }));
    const answers = await takeTokens(this.#executor(), requests, TAKE_NOW_TIMEOUT_MS);
    const byKey = new Map(answers.map((answer) => [answer.key, answer]));
    return buckets.map(({ key }) => {
      const { taken = 0, retryInMs = 0 } = byKey.get(key) ?? {};
      return { key, taken: taken > 0, retryInMs };
    });
  }

  /** The bucket gives nothing until then, to nobody; what other processes have in hand they use within 600 ms. */
  block(key: string, until: Date | { readonly delayMs: number }): Promise<void> {
    const delayMs = blockMs(until, Date.now());
    const bucket = this.#buckets.get(key);
    if (bucket) {
      bucket.grants = [];
      bucket.shortUntilMs = performance.now() + Math.min(delayMs, MAX_SHORT_MS);
    }
    return blockBucket(this.#executor(), key, delayMs);
  }

  #bucketOf({ key, limit }: Entry): Bucket {
    let bucket = this.#buckets.get(key);
    if (!bucket) {
      if (this.#buckets.size >= MOST_REMEMBERED) this.#forget();
      bucket = newBucket(key, limit);
      this.#buckets.set(key, bucket);
    }
    bucket.limit = limit;
    return bucket;
  }

  #forget(): void {
    const now = performance.now();
    for (const [key, { waiters, grants, asking, shortUntilMs }] of this.#buckets)
      if (waiters.length === 0 && grants.length === 0 && !asking && shortUntilMs <= now) this.#buckets.delete(key);
  }

  /** Hands out what is in hand, to those first that were sent away before, and asks for more if it does not suffice. */
  #serve(bucket: Bucket, now: number): void {
    handOut(bucket, now);
    if (bucket.waiters.length > 0) this.#wanted.add(bucket);
    else this.#wanted.delete(bucket);
    this.#planAsking(now);
    if (bucket.grants.length > 0) this.#planReturn();
  }

  #planAsking(now: number): void {
    if (this.#askTimer !== null) clearTimer(this.#askTimer);
    this.#askTimer = null;
    let askAtMs = Number.POSITIVE_INFINITY;
    for (const bucket of this.#wanted) if (!bucket.asking) askAtMs = Math.min(askAtMs, bucket.askAtMs);
    if (askAtMs === Number.POSITIVE_INFINITY) return;
    const ask = () => {
      this.#askTimer = null;
      this.#askForAll();
    };
    // not at once: jobs that start together ask together
    this.#askTimer = askAtMs <= now ? setImmediate(ask) : setTimeout(ask, askAtMs - now);
  }

  #askForAll(): void {
    const now = performance.now();
    const due = [...this.#wanted].filter(({ asking, askAtMs }) => !asking && askAtMs <= now + 1);
    for (let n = 0; n < due.length; n += BUCKETS_A_STATEMENT)
      this.#track(this.#ask(due.slice(n, n + BUCKETS_A_STATEMENT)));
    if (due.length === 0) this.#planAsking(now);
  }

  async #ask(buckets: readonly Bucket[]): Promise<void> {
    const askedAtMs = performance.now();
    const asked = new Map(buckets.map((bucket) => [bucket.key, requestFor(bucket, askedAtMs, this.#roundTripMs ?? 0)]));
    for (const bucket of buckets) bucket.asking = true;
    try {
      const requests = Array.from(asked.values(), ({ request }) => request);
      const answers = await takeTokens(this.#executor(), requests, ANSWER_TIMEOUT_MS);
      const now = performance.now();
      this.#roundTripMs = meanAfter(this.#roundTripMs, now - askedAtMs);
      for (const bucket of buckets) bucket.asking = false;
      for (const answer of answers) {
        const question = asked.get(answer.key);
        if (question) this.#take(question, answer, askedAtMs, now);
      }
    } catch (error) {
      if (classifyError(error) !== 'transient') this.#log('error', 'rate_limit_failed', { error }); // no keys: they name people
      for (const bucket of buckets) this.#unanswered(bucket, error);
    }
  }

  #take({ bucket, request, waiters }: Question, answer: TakeAnswer, askedAtMs: number, now: number): void {
    const { taken, takenAt, retryInMs, freeInMs, postponed } = answer;
    const untilMs = askedAtMs + usableMs(request.holdMs);
    const isShort = taken < Math.min(request.want, request.waiting);
    if (taken > 0) bucket.grants.push({ tokens: taken, takenAt, askedAtMs, untilMs });
    bucket.isOversubscribed = isShort || postponed > 0;
    const isKnown = bucket.isOversubscribed || freeInMs > USES_MS; // a token that is there before the next claim is none the less there
    bucket.shortUntilMs = isKnown ? now + Math.min(freeInMs, MAX_SHORT_MS) : 0;
    bucket.askAtMs = isShort ? now + askAfterMs(bucket.limit, retryInMs, Math.random()) : now;
    if (postponed > 0) {
      const last = waiters.slice(-postponed).filter(({ state }) => state === 'waiting');
      bucket.waiters = bucket.waiters.filter((waiter) => !last.includes(waiter));
      for (const [place, waiter] of last.entries()) postpone(waiter, comeBackMs(answer, place), now);
      for (const waiter of waiters) waiter.hasPriority = true; // the line begins behind those that stay
    }
    this.#serve(bucket, now);
  }

  /** Fails closed: nobody gets a token that Postgres did not give. */
  #unanswered(bucket: Bucket, error: unknown): void {
    const now = performance.now();
    bucket.asking = false;
    bucket.askAtMs = now + ASK_AGAIN_MS;
    const waiters = bucket.waiters;
    const isPermanent = classifyError(error) !== 'transient';
    bucket.waiters = isPermanent ? [] : waiters.filter(({ untilMs }) => untilMs > now);
    for (const waiter of waiters) {
      if (isPermanent) {
        waiter.state = 'failed';
        waiter.error = error;
        waiter.entry.changed(now);
      } else if (waiter.untilMs <= now) postpone(waiter, UNANSWERED_MS * (1 + Math.random()), now);
    }
    this.#serve(bucket, now);
  }

  #planReturn(): void {
    if (this.#returnTimer !== null) return;
    this.#returnTimer = setTimeout(() => {
      this.#returnTimer = null;
      this.#return(({ untilMs }, now) => untilMs <= now);
      for (const { grants } of this.#buckets.values()) if (grants.length > 0) return this.#planReturn();
    }, 500);
    this.#returnTimer.unref();
  }

  #return(which: (grant: Grant, now: number) => boolean): void {
    const now = performance.now();
    const unused: { key: string; tokens: number; takenAt: string }[] = [];
    for (const bucket of this.#buckets.values()) {
      for (const grant of bucket.grants) {
        if (which(grant, now) && worthReturning(grant.tokens, now - grant.askedAtMs, bucket.limit))
          unused.push({ key: bucket.key, tokens: grant.tokens, takenAt: grant.takenAt });
      }
      bucket.grants = bucket.grants.filter((grant) => !which(grant, now));
    }
    if (unused.length === 0) return;
    // what does not arrive is lost, like the tokens of a drain that was killed
    this.#track(returnTokens(this.#executor(), unused, ANSWER_TIMEOUT_MS).catch(() => undefined));
  }

  async #close(): Promise<void> {
    await Promise.all(this.#pending);
    if (this.#drains > 0) return; // the next has begun, and may use them
    this.#return(() => true);
    await Promise.all(this.#pending);
  }

  #track(statement: Promise<void>): void {
    const done = statement.finally(() => this.#pending.delete(done));
    this.#pending.add(done);
  }
}

function clearTimer(timer: NodeJS.Timeout | NodeJS.Immediate): void {
  if ('hasRef' in timer && 'refresh' in timer) clearTimeout(timer);
  else clearImmediate(timer as NodeJS.Immediate);
}
