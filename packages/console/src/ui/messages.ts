/** Fixed words for what happened: an address carries only a code, for anyone can write an address. */

/** What an action counted. */
export type Numbers = Readonly<Record<'changed' | 'skipped', number>>;

/** Words of an app for its own codes, beside those that the console has. */
export interface Messages {
  /** By the code in `?done=…`. */
  readonly done?: Readonly<Record<string, (n: Numbers) => string>>;
  /** By the code in `?refused=…`. */
  readonly refused?: Readonly<Record<string, string>>;
}
