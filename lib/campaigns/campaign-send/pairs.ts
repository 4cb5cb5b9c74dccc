/** Meta's limit per pair of sender and recipient, asked for a whole batch in one statement. */
import type { RateLimit } from '@conversure/jobqueue';
import { PAIR_LIMIT, pairBucket } from '../../providers/whatsapp.ts';
import type { Claimed } from './claim.ts';

/** Somebody else sends to this person all the time; looking once a minute costs nothing. */
const LONGEST_DELAY_MS = 60_000;

/**
 * Recipients whose pair has no token now, with the time to wait, ms. The same buckets as `rateLimit(pairBucket(…))`, but without
 * its consequence: one recipient without a token would send the whole job away. The recipient's row says when it comes again.
 */
export async function takePairs(
  rateLimit: RateLimit,
  phoneNumberId: string,
  claimed: readonly Claimed[],
): Promise<ReadonlyMap<string, number>> {
  const byKey = new Map(claimed.map((one) => [pairBucket(phoneNumberId, one.phone), one]));
  const answers = await rateLimit.takeTokens(Array.from(byKey.keys(), (key) => ({ key, ...PAIR_LIMIT })));
  const held = new Map<string, number>();
  for (const { key, taken, retryInMs } of answers) {
    const one = byKey.get(key);
    if (one && !taken) held.set(one.id, Math.min(Math.max(retryInMs, 1_000), LONGEST_DELAY_MS));
  }
  return held;
}
