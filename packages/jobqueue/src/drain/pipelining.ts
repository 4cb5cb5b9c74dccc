/** How long steps take, and so how many of them may be on their way at once. */
import { meanAfter, stepsInFlight } from '../core/capacity.ts';
import type { StepAnswer } from '../postgres/statements/step.ts';

export class Flight {
  /** The shortest that a step was on its way, ms: what is above it is a busy machine, and more steps would make it busier. */
  #onTheWayMs: number | null = null;
  #tookMs: number | null = null;
  /** Only a step with chores is known of: it took longer than the next will, by as much as Postgres needed for those. */
  #isGuess = true;

  #peers = 0;

  hear({ onTheWayMs, tookMs, peers }: StepAnswer, hadChores: boolean): void {
    this.#peers = peers ?? this.#peers;
    this.#onTheWayMs = Math.min(this.#onTheWayMs ?? onTheWayMs, onTheWayMs);
    if (hadChores && !this.#isGuess) return;
    // Too long a guess leaves one step less in flight; none would open connections that nobody needs.
    this.#tookMs = hadChores ? tookMs : meanAfter(this.#isGuess ? null : this.#tookMs, tookMs);
    this.#isGuess = hadChores;
  }

  get most(): number {
    return stepsInFlight({ onTheWayMs: this.#onTheWayMs ?? 0, tookMs: this.#tookMs ?? 0, peers: this.#peers });
  }
}
