/** How long steps take, and so how many of them may be on their way at once. */
import { meanAfter, stepsInFlight } from './slots.ts';
import type { StepAnswer } from './store/step.ts';

export class Flight {
  /** The shortest that a step was on its way, ms: what is above it is a busy machine, and more steps would make it busier. */
  #onTheWayMs: number | null = null;
  #tookMs: number | null = null;

  /** `hadChores`: it took longer than the next will, by as much as Postgres needed for those. */
  hear({ onTheWayMs, tookMs }: StepAnswer, hadChores: boolean): void {
    this.#onTheWayMs = Math.min(this.#onTheWayMs ?? onTheWayMs, onTheWayMs);
    if (!hadChores) this.#tookMs = meanAfter(this.#tookMs, tookMs);
  }

  get most(): number {
    return stepsInFlight({ onTheWayMs: this.#onTheWayMs ?? 0, tookMs: this.#tookMs ?? 0 });
  }
}
