/** The tokens of one process: taken from Postgres in lumps, shared by its drains and jobs, and given back when nobody wants them. */

import { askAfterMs, blockMs, comeBackMs, MAX_SHORT_MS, USES_MS, usableMs, worthReturning } from '../core/bucket.ts';
import { meanAfter } from '../core/capacity.ts';
import type { Log } from '../core/log.ts';
import { verdictOn } from '../core/sqlstate.ts';
import type { Executor } from '../postgres/database.ts';
import { blockBucket, returnTokens, type TakeAnswer, takeTokens } from '../postgres/statements/buckets.ts';
import {
  type Bucket,
  type Entry,
  handOut,
  type Lump,
  newBucket,
  newTicket,
  noteUse,
  postpone,
  putBack,
  type Question,
  requestFor,
  type Ticket,
} from './waiters.ts';

/** A take is a few row updates; who gets no answer within this time asks anew, and tokens of the lost answer are lost. */
const ANSWER_TIMEOUT_MS = 2_000;
const ASK_AGAIN_MS = 250;
/** Without an answer nobody knows when there will be a token. */
const UNANSWERED_MS = 5_000;
/** Each bucket of a statement stays locked until all are done; more go into the next. */
const BUCKETS_A_STATEMENT = 100;
/** What is remembered of buckets that nobody waits for. */
const MOST_REMEMBERED = 1_000;

export class RateLimiter {
  readonly #executor: () => Executor;
  readonly #log: Log;
  readonly #buckets = new Map<string, Bucket>();
  /** Those with waiting tickets. */
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

  enter(entry: Entry): Ticket {
    const now = performance.now();
    const ticket = newTicket(entry, now);
    const bucket = this.#bucketOf(entry);
    bucket.tickets.push(ticket);
    this.#serve(bucket, now);
    return ticket;
  }

  /**
   * Uses the token of a granted ticket. `false`: it is too old, and the ticket waits for another, or has one already. `now` is the
   * caller's one reading of the clock: a token that was granted at the same instant is never too old.
   */
  use(ticket: Ticket, now: number): boolean {
    if (now < ticket.untilMs) {
      ticket.state = 'over';
      const bucket = this.#bucketOf(ticket.entry);
      noteUse(bucket, now);
      return true;
    }
    const bucket = this.#bucketOf(ticket.entry);
    putBack(bucket, ticket);
    ticket.state = 'waiting';
    ticket.untilMs = now + ticket.entry.patienceMs;
    bucket.tickets.unshift(ticket);
    this.#serve(bucket, now);
    return false;
  }

  /** Gives up its place, or its token to the next. */
  leave(ticket: Ticket): void {
    const bucket = this.#bucketOf(ticket.entry);
    const { state } = ticket;
    ticket.state = 'over';
    bucket.tickets = bucket.tickets.filter((other) => other !== ticket);
    if (state === 'granted') {
      putBack(bucket, ticket);
      this.#serve(bucket, performance.now());
    }
  }

  /** For how long the bucket is known to have no token, ms; 0 if it may have one. */
  shortForMs(key: string, nowMs: number): number {
    const bucket = this.#buckets.get(key);
    if (!bucket || bucket.lumps.some(({ untilMs }) => untilMs > nowMs)) return 0;
    return Math.max(0, bucket.shortUntilMs - nowMs);
  }

  /** Whether asking for more jobs than can start now is worth it: they learn when to come back. */
  sendsAway(key: string): boolean {
    return this.#buckets.get(key)?.sendsAway ?? false;
  }

  /** The bucket gives nothing until then, to nobody; what other processes have in hand they use within 600 ms. */
  block(key: string, until: Date | { readonly delayMs: number }): Promise<void> {
    const delayMs = blockMs(until, Date.now());
    const bucket = this.#buckets.get(key);
    if (bucket) {
      bucket.lumps = [];
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
    for (const [key, { tickets, lumps, asking, shortUntilMs }] of this.#buckets)
      if (tickets.length === 0 && lumps.length === 0 && !asking && shortUntilMs <= now) this.#buckets.delete(key);
  }

  /** Hands out what is in hand, to those first that were sent away before, and asks for more if it does not suffice. */
  #serve(bucket: Bucket, now: number): void {
    handOut(bucket, now);
    if (bucket.tickets.length > 0) this.#wanted.add(bucket);
    else this.#wanted.delete(bucket);
    this.#planAsking(now);
    if (bucket.lumps.length > 0) this.#planReturn();
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
      if (verdictOn(error) !== 'passing') this.#log('error', 'rate_limit_failed', { error }); // no keys: they name people
      for (const bucket of buckets) this.#unanswered(bucket, error);
    }
  }

  #take({ bucket, request, tickets }: Question, answer: TakeAnswer, askedAtMs: number, now: number): void {
    const { taken, takenAt, retryInMs, freeInMs, postponed } = answer;
    const untilMs = askedAtMs + usableMs(request.holdMs);
    const isShort = taken < Math.min(request.want, request.waiting);
    if (taken > 0) bucket.lumps.push({ tokens: taken, takenAt, askedAtMs, untilMs });
    bucket.sendsAway = isShort || postponed > 0;
    const isKnown = bucket.sendsAway || freeInMs > USES_MS; // a token that is there before the next claim is none the less there
    bucket.shortUntilMs = isKnown ? now + Math.min(freeInMs, MAX_SHORT_MS) : 0;
    bucket.askAtMs = isShort ? now + askAfterMs(bucket.limit, retryInMs, Math.random()) : now;
    if (postponed > 0) {
      const last = tickets.slice(-postponed).filter(({ state }) => state === 'waiting');
      bucket.tickets = bucket.tickets.filter((ticket) => !last.includes(ticket));
      for (const [place, ticket] of last.entries()) postpone(ticket, comeBackMs(answer, place), now);
      for (const ticket of tickets) ticket.isAhead = true; // the line begins behind those that stay
    }
    this.#serve(bucket, now);
  }

  /** Fails closed: nobody gets a token that Postgres did not give. */
  #unanswered(bucket: Bucket, error: unknown): void {
    const now = performance.now();
    bucket.asking = false;
    bucket.askAtMs = now + ASK_AGAIN_MS;
    const tickets = bucket.tickets;
    const hopeless = verdictOn(error) !== 'passing';
    bucket.tickets = hopeless ? [] : tickets.filter(({ untilMs }) => untilMs > now);
    for (const ticket of tickets) {
      if (hopeless) {
        ticket.state = 'failed';
        ticket.error = error;
        ticket.entry.changed(now);
      } else if (ticket.untilMs <= now) postpone(ticket, UNANSWERED_MS * (1 + Math.random()), now);
    }
    this.#serve(bucket, now);
  }

  #planReturn(): void {
    if (this.#returnTimer !== null) return;
    this.#returnTimer = setTimeout(() => {
      this.#returnTimer = null;
      this.#return(({ untilMs }, now) => untilMs <= now);
      for (const { lumps } of this.#buckets.values()) if (lumps.length > 0) return this.#planReturn();
    }, 500);
    this.#returnTimer.unref();
  }

  #return(which: (lump: Lump, now: number) => boolean): void {
    const now = performance.now();
    const unused: { key: string; tokens: number; takenAt: string }[] = [];
    for (const bucket of this.#buckets.values()) {
      for (const lump of bucket.lumps) {
        if (which(lump, now) && worthReturning(lump.tokens, now - lump.askedAtMs, bucket.limit))
          unused.push({ key: bucket.key, tokens: lump.tokens, takenAt: lump.takenAt });
      }
      bucket.lumps = bucket.lumps.filter((lump) => !which(lump, now));
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
