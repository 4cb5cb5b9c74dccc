/** Meta's limits as buckets that all invocations share; whoever sends takes from the same ones. */
import type { Limit } from '@conversure/jobqueue';

/** Per sending number. Meta allows 80 messages a second, inbound ones included; a company's setting stays below. */
export function numberBucket(phoneNumberId: string): string {
  return `wa:number:${phoneNumberId}`;
}

export function numberLimit(perSecond: number): Limit {
  return { perSecond, burst: Math.max(1, Math.round(perSecond)) };
}

/** Per person: Meta allows one message in 6 s, and lets up to 45 be borrowed from the time to come. */
export function pairBucket(phoneNumberId: string, to: string): string {
  return `wa:pair:${phoneNumberId}:${to}`;
}

/** Some of what may be borrowed: a reply in three parts goes out at once, and no loop of ours fills a phone. */
export const PAIR_LIMIT: Limit = { perSecond: 1 / 6, burst: 10 };

/** The bucket of an account's template calls: Meta allows 200 an hour. */
export function managementBucket(accountId: string): string {
  return `wa:management:${accountId}`;
}

/** A list of 6,000 templates at once, and then half of what Meta allows: people use WhatsApp Manager, too. */
export const MANAGEMENT_LIMIT: Limit = { perSecond: 100 / 3600, burst: 80 };

/** The only formula that Meta publishes: 4^x seconds after the x-th refusal, from 0; nobody waits longer than five minutes. */
export function throttleMs(refusals: number): number {
  return Math.min(4 ** Math.min(refusals, 6) * 1000, 5 * 60_000);
}
