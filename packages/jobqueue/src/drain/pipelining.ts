/** The exchanges that are on their way, how long they take, and so how many may be on their way at once. */
import { exchangesInFlight } from '../core/capacity.ts';
import { meanAfter } from '../core/mean.ts';
import type { ExchangeReply } from '../postgres/statements/exchange.ts';
import type { ExchangeRequest } from './send-exchange.ts';

export class Pipelining {
  /** At most four, see capacity.ts: what they claim is summed up when it is asked for. */
  readonly #requests = new Set<ExchangeRequest>();
  readonly #repeated = new Set<ExchangeRequest>();
  /** The shortest time on the way, ms: what is above it is a busy machine, and more exchanges would make it busier. */
  #onTheWayMs: number | null = null;
  #tookMs: number | null = null;
  /** Only an exchange with maintenance is known of: it took longer than the next will, by as much as Postgres needed for that. */
  #isGuess = true;
  #peers = 0;

  begin(request: ExchangeRequest): void {
    this.#requests.add(request);
  }

  /** Postgres did not take it at the first try. */
  repeat(request: ExchangeRequest): void {
    this.#repeated.add(request);
  }

  end(request: ExchangeRequest): void {
    this.#requests.delete(request);
    this.#repeated.delete(request);
  }

  onAnswer({ onTheWayMs, tookMs, peers }: ExchangeReply, hadTasks: boolean): void {
    this.#peers = peers ?? this.#peers;
    this.#onTheWayMs = Math.min(this.#onTheWayMs ?? onTheWayMs, onTheWayMs);
    if (hadTasks && !this.#isGuess) return;
    // Too long a guess leaves one exchange less in flight; none would open connections that nobody needs.
    this.#tookMs = hadTasks ? tookMs : meanAfter(this.#isGuess ? null : this.#tookMs, tookMs);
    this.#isGuess = hadTasks;
  }

  /** Postgres has answered at least once. */
  get hasAnswer(): boolean {
    return this.#onTheWayMs !== null;
  }

  get maxInFlight(): number {
    if (this.#onTheWayMs === null) return 1;
    return exchangesInFlight({ onTheWayMs: this.#onTheWayMs, tookMs: this.#tookMs ?? 0, peers: this.#peers });
  }

  get inFlight(): number {
    return this.#requests.size;
  }

  get hasRepeated(): boolean {
    return this.#repeated.size > 0;
  }

  get claims(): number {
    let claims = 0;
    for (const { claim } of this.#requests) if (claim !== null) claims++;
    return claims;
  }

  get comingJobs(): number {
    let jobs = 0;
    for (const { claim } of this.#requests) jobs += claim?.limit ?? 0;
    return jobs;
  }

  get hasIdleClaim(): boolean {
    for (const { claim } of this.#requests) if (claim?.idle) return true;
    return false;
  }
}
