/** Meta's limit per pair of sender and recipient, asked for a whole batch in one statement. */
import { type TakeRequest, takeTokens } from '@conversure/jobqueue';
import type { Executor } from '@conversure/jobqueue/postgres';
import { PAIR_LIMIT, pairBucket } from '../../providers/whatsapp.ts';
import type { Claimed } from './claim.ts';

const ANSWER_TIMEOUT_MS = 5_000;
/** The number's token is waited for behind this one. */
const HOLD_MS = 1_000;
/** Somebody else sends to this person all the time; looking once a minute costs nothing. */
const LONGEST_DELAY_MS = 60_000;

/**
 * Those who may be sent to now, and how long the others have to wait, ms. The same buckets as `rateLimit(pairBucket(…))` of a
 * handler, but without its consequence: there one recipient without a token would send the whole job away.
 */
export async function takePairs(
  database: Executor,
  phoneNumberId: string,
  claimed: readonly Claimed[],
): Promise<ReadonlyMap<string, number>> {
  const byKey = new Map(claimed.map((one) => [pairBucket(phoneNumberId, one.phone), one]));
  const requests = Array.from(byKey.keys(), (key) => ({ ...PAIR_LIMIT, ...ASK, key }) satisfies TakeRequest);
  const answers = await takeTokens(database, requests, ANSWER_TIMEOUT_MS);
  const held = new Map<string, number>();
  for (const { key, taken, retryInMs } of answers) {
    const one = byKey.get(key);
    if (one && taken === 0) held.set(one.id, Math.min(Math.max(retryInMs, 1_000), LONGEST_DELAY_MS));
  }
  return held;
}

/** No place in the bucket's line: the recipient's row says when it comes again. */
const ASK = { want: 1, spare: 0, waiting: 1, returning: 1, patienceMs: 3_600_000, holdMs: HOLD_MS };
