/** Fixed texts for results. An address carries only a code, because anyone can write an address. */

/** Counts of an action. */
export type Numbers = Readonly<Record<'changed' | 'skipped', number>>;

/** Words of an app for its own codes, beside those that the console has. */
export interface Messages {
  /** Texts by the code in `?done=…`. */
  readonly done?: Readonly<Record<string, (n: Numbers) => string>>;
  /** Texts by the code in `?refused=…`. */
  readonly refused?: Readonly<Record<string, string>>;
}
