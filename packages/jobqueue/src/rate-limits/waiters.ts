/** What one process knows of a bucket: who waits for its tokens, and which it has in hand. No I/O. */
import { holdMs, type Limit, lump, USES_MS } from '../core/bucket.ts';
import type { TakeRequest } from '../postgres/statements/buckets.ts';

export interface Entry {
  readonly key: string;
  readonly limit: Limit;
  /** A rate limit sent the job away before. */
  readonly returning: boolean;
  readonly patienceMs: number;
  /** Called when the ticket is no longer waiting, with the instant at which that was decided. */
  readonly changed: (now: number) => void;
}

/** One job's place in the line for a token of one bucket. */
export interface Ticket {
  readonly entry: Entry;
  /** Its job has been sent away before, or was told that its token comes before those of the line. */
  isAhead: boolean;
  state: 'waiting' | 'granted' | 'postponed' | 'failed' | 'over';
  /** Of a waiting one: how long it can wait. Of a granted one: how long its token may be used. On the monotonic clock. */
  untilMs: number;
  /** Of a postponed one: when its job should come back. */
  delayMs: number;
  error: unknown;
  /** Of a granted one: where its token is from. */
  lump: Lump | null;
}

export interface Lump {
  tokens: number;
  readonly takenAt: string;
  readonly askedAtMs: number;
  readonly untilMs: number;
}

/** What this process knows of one bucket. */
export interface Bucket {
  readonly key: string;
  limit: Limit;
  tickets: Ticket[];
  lumps: Lump[];
  asking: boolean;
  askAtMs: number;
  shortUntilMs: number;
  /** By the last answer there is not enough for all who wait. */
  sendsAway: boolean;
  uses: { sinceMs: number; now: number; before: number };
}

/** What Postgres is asked of one bucket, and for whom. */
export interface Question {
  readonly bucket: Bucket;
  readonly request: TakeRequest;
  readonly tickets: readonly Ticket[];
}

export function newBucket(key: string, limit: Limit): Bucket {
  const uses = { sinceMs: 0, now: 0, before: 0 };
  return { key, limit, tickets: [], lumps: [], asking: false, askAtMs: 0, shortUntilMs: 0, sendsAway: false, uses };
}

export function newTicket(entry: Entry, now: number): Ticket {
  const untilMs = now + entry.patienceMs;
  return { entry, isAhead: entry.returning, state: 'waiting', untilMs, delayMs: 0, error: null, lump: null };
}

/**
 * Gives what is in hand to those who wait, to those first that are ahead of the line. They are told once all is given: whoever
 * puts a token back then does not make this loop longer.
 */
export function handOut(bucket: Bucket, now: number): void {
  if (bucket.tickets.some(({ isAhead }) => isAhead))
    bucket.tickets.sort((a, b) => Number(b.isAhead) - Number(a.isAhead));
  const granted: Ticket[] = [];
  for (const lump of bucket.lumps) {
    while (lump.tokens > 0 && lump.untilMs > now && bucket.tickets.length > 0) {
      const ticket = bucket.tickets.shift() as Ticket;
      lump.tokens--;
      ticket.state = 'granted';
      ticket.untilMs = lump.untilMs;
      ticket.lump = lump;
      granted.push(ticket);
    }
  }
  bucket.lumps = bucket.lumps.filter(({ tokens }) => tokens > 0);
  for (const ticket of granted) ticket.entry.changed(now);
}

export function requestFor(bucket: Bucket, now: number, roundTripMs: number): Question {
  const { key, limit, tickets, uses } = bucket;
  noteUse(bucket, now, 0);
  const request = {
    key,
    ...limit,
    ...lump(tickets.length, uses.before, limit),
    waiting: tickets.length,
    returning: tickets.filter(({ isAhead }) => isAhead).length,
    patienceMs: Math.max(0, Math.min(...tickets.map(({ untilMs }) => untilMs - now))),
    holdMs: holdMs(limit, roundTripMs),
  };
  return { bucket, request, tickets: [...tickets] };
}

export function postpone(ticket: Ticket, delayMs: number, now: number): void {
  ticket.state = 'postponed';
  ticket.delayMs = delayMs;
  ticket.entry.changed(now);
}

/** Its token is for the next, or goes back. */
export function putBack(bucket: Bucket, { lump }: Ticket): void {
  if (lump === null) return;
  if (!bucket.lumps.includes(lump)) bucket.lumps.push(lump);
  lump.tokens++;
}

/** Counts uses in windows, to know how many to expect. */
export function noteUse({ uses }: Bucket, now: number, tokens = 1): void {
  const age = now - uses.sinceMs;
  if (age >= USES_MS) {
    uses.before = age < 2 * USES_MS ? uses.now : 0;
    uses.now = 0;
    uses.sinceMs = now;
  }
  uses.now += tokens;
}
