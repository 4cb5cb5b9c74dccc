/** What a claimed job of a type with a rate limit needs before it starts: a token. One gate a drain. */
import { checkKey, PATIENCE_MS } from '../core/bucket.ts';
import { storableError } from '../core/serialize.ts';
import type { Outcome } from '../core/settle.ts';
import type { RateLimiter } from '../rate-limits/limiter.ts';
import type { Ticket } from '../rate-limits/waiters.ts';
import type { Held } from './execution.ts';
import { isLoaded } from './run-handler.ts';

/** Postgres refused to say whether there are tokens: until somebody has looked at it, nothing of the type starts. */
const REFUSED_MS = 30_000;

export class Gate {
  readonly #limiter: RateLimiter;
  readonly #wake: () => void;
  readonly #tickets = new Map<Held, Ticket>();

  constructor(limiter: RateLimiter, wake: () => void) {
    this.#limiter = limiter;
    this.#wake = wake;
  }

  /** `null`: start it now, its token is used; an outcome: it cannot start. Without a slot for it no token is asked for. */
  ask(held: Held, hasSlot: boolean, now: number): Outcome | 'wait' | null {
    if (!isLoaded(held.definition, this.#wake)) return 'wait'; // a token would be too old when the handler is there
    let ticket = this.#tickets.get(held);
    if (!ticket) {
      const key = keyOf(held);
      if (typeof key !== 'string') return key;
      if (!hasSlot && !this.#limiter.sendsAway(key)) return 'wait';
      ticket = this.#enter(held, key);
    }
    // too old at most once: the next, if it has one already, was granted at this very instant
    while (ticket.state === 'granted') if (this.#limiter.use(ticket, now)) return null;
    if (ticket.state === 'postponed') return { kind: 'postponed', delayMs: ticket.delayMs };
    return ticket.state === 'failed' ? { kind: 'postponed', delayMs: REFUSED_MS } : 'wait';
  }

  /** The job starts, or goes back. */
  leave(held: Held): void {
    const ticket = this.#tickets.get(held);
    if (!ticket) return;
    this.#tickets.delete(held);
    this.#limiter.leave(ticket);
  }

  #enter(held: Held, key: string): Ticket {
    const { perSecond, burst } = held.definition.rateLimit ?? { perSecond: 0, burst: 0 };
    const ticket = this.#limiter.enter({
      key,
      limit: { perSecond, burst },
      returning: held.isReturning,
      patienceMs: PATIENCE_MS,
      changed: this.#wake,
    });
    this.#tickets.set(held, ticket);
    return ticket;
  }
}

function keyOf(held: Held): string | Outcome {
  const { rateLimit, type } = held.definition;
  try {
    const key: unknown = rateLimit?.key ? rateLimit.key(held.claimed.payload) : type;
    checkKey(key);
    return key;
  } catch (thrown) {
    const error = { ...storableError(thrown, held.counters.attempt), code: 'rate_limit_key_invalid' };
    return { kind: 'failed', error, retryAfterMs: 0, forGood: false };
  }
}
