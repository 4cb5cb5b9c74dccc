/** Takes the token that a claimed job of a rate-limited type needs before it starts. One gate a drain. */
import { checkKey, MAX_WAIT_MS } from '../core/bucket.ts';
import { storableError } from '../core/serialize.ts';
import type { Outcome } from '../core/settle.ts';
import type { RateLimiter } from '../rate-limits/limiter.ts';
import type { Waiter } from '../rate-limits/waiters.ts';
import type { Execution } from './execution.ts';
import { isLoaded } from './handler-loader.ts';

/** Postgres refused to say whether there are tokens: until somebody has looked at it, nothing of the type starts. */
const REFUSED_MS = 30_000;

export class TokenGate {
  readonly #limiter: RateLimiter;
  readonly #wake: () => void;
  readonly #waiters = new Map<Execution, Waiter>();

  constructor(limiter: RateLimiter, wake: () => void) {
    this.#limiter = limiter;
    this.#wake = wake;
  }

  /** `null`: start it now, its token is used; an outcome: it cannot start. Without a slot for it no token is asked for. */
  tryAcquire(execution: Execution, hasSlot: boolean, now: number): Outcome | 'wait' | null {
    if (!isLoaded(execution.definition, this.#wake)) return 'wait'; // a token would be too old when the handler is there
    let waiter = this.#waiters.get(execution);
    if (!waiter) {
      const key = keyOf(execution);
      if (typeof key !== 'string') return key;
      if (!hasSlot && !this.#limiter.isOversubscribed(key)) return 'wait';
      waiter = this.#enter(execution, key);
    }
    // too old at most once: the next, if it has one already, was granted at this very instant
    while (waiter.state === 'granted') if (this.#limiter.consume(waiter, now)) return null;
    if (waiter.state === 'postponed') return { kind: 'postponed', delayMs: waiter.delayMs };
    return waiter.state === 'failed' ? { kind: 'postponed', delayMs: REFUSED_MS } : 'wait';
  }

  /** The job starts, or goes back. */
  release(execution: Execution): void {
    const waiter = this.#waiters.get(execution);
    if (!waiter) return;
    this.#waiters.delete(execution);
    this.#limiter.release(waiter);
  }

  #enter(execution: Execution, key: string): Waiter {
    const { perSecond, burst } = execution.definition.rateLimit ?? { perSecond: 0, burst: 0 };
    const waiter = this.#limiter.acquire({
      key,
      limit: { perSecond, burst },
      returning: execution.isReturning,
      maxWaitMs: MAX_WAIT_MS,
      changed: this.#wake,
    });
    this.#waiters.set(execution, waiter);
    return waiter;
  }
}

function keyOf(execution: Execution): string | Outcome {
  const { rateLimit, type } = execution.definition;
  try {
    const key: unknown = rateLimit?.key ? rateLimit.key(execution.claimed.payload) : type;
    checkKey(key);
    return key;
  } catch (thrown) {
    const error = { ...storableError(thrown, execution.counters.attempt), code: 'rate_limit_key_invalid' };
    return { kind: 'failed', error, retryAfterMs: 0, forGood: false };
  }
}
