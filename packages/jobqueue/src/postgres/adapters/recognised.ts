/** An adapter's verdict on a value that a caller gave as a transaction. */
import type { Executor } from '../database.ts';

/** An executor over a transaction; a noun for a value of the same library that is none; null for a value of another library. */
export type Recognised = Executor | string | null;
