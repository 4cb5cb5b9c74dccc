/** The decisions of a run: drawn from a seed, or read from a record. A run is its decisions, so a shorter record is a smaller run. */

/** Numbers from 0 to below 1 that a seed decides (the generator «mulberry32»). */
export function numbersFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Hands out decisions and records them. 0 is always the harmless one: shrinking turns decisions into 0. */
export class Choices {
  /** Everything that was decided, in order. */
  readonly made: number[] = [];
  readonly #draw: (bound: number) => number;

  private constructor(draw: (bound: number) => number) {
    this.#draw = draw;
  }

  static ofSeed(seed: number): Choices {
    const random = numbersFrom(seed);
    return new Choices((bound) => Math.floor(random() * bound));
  }

  /** Behind the end of the record every decision is 0. */
  static ofRecord(record: readonly number[]): Choices {
    let n = 0;
    return new Choices((bound) => Math.min(record[n++] ?? 0, bound - 1));
  }

  /** An integer from 0 to below `bound`. */
  below(bound: number): number {
    const made = bound <= 1 ? 0 : this.#draw(bound);
    if (bound > 1) this.made.push(made);
    return made;
  }

  /** One of the values, the first the harmless one. */
  of<Value>(values: readonly [Value, ...Value[]]): Value {
    return values[this.below(values.length)] as Value;
  }

  /** One of the options by weight, the first the harmless one. At least one must have a weight. */
  weighed<Value>(options: readonly (readonly [weight: number, value: Value])[]): Value {
    const open = options.filter(([weight]) => weight > 0);
    let at = this.below(open.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, value] of open) {
      if (at < weight) return value;
      at -= weight;
    }
    throw new RangeError('no option has a weight');
  }
}
