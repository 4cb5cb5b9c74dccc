/** Times in the viewer's zone, once their browser has named it; in UTC before. */

import { isStorableInstant } from '@conversure/jobqueue';
import { cookies } from 'next/headers';
import { cache } from 'react';

/** An IANA name that this server knows. */
export const viewerZone = cache(async (): Promise<string> => {
  const sent = (await cookies()).get('jobqueue-zone')?.value ?? 'UTC';
  try {
    const zone = decodeURIComponent(sent);
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    return 'UTC'; // anyone can write a cookie of their own
  }
});

const formats = new Map<string, Intl.DateTimeFormat>();

/** As in «25 Nov 10:53:01»; with its year where that is not the running one. */
export function inZone(at: Date, zone: string, { seconds = true }: { seconds?: boolean } = {}): string {
  const year = at.getUTCFullYear() !== new Date().getUTCFullYear();
  const key = `${zone} ${seconds} ${year}`;
  const format =
    formats.get(key) ??
    new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      day: '2-digit',
      month: 'short',
      ...(year && { year: 'numeric' }),
      hour: '2-digit',
      minute: '2-digit',
      ...(seconds && { second: '2-digit' }),
    });
  if (formats.size < 500) formats.set(key, format); // zones are few, but a cookie names them
  return format.format(at).replace(',', '');
}

/**
 * Parses the value of a datetime-local field in a time zone; undefined if it is no time. An hour that occurs twice means its
 * first occurrence.
 */
export function instantIn(text: string | undefined, zone: string): Date | undefined {
  if (text === undefined || !/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?Z?$/.test(text)) return undefined;
  const asUtc = Date.parse(text.endsWith('Z') ? text : `${text}Z`);
  if (!isStorableInstant(new Date(asUtc))) return undefined;
  if (text.endsWith('Z')) return new Date(asUtc);
  const offsets = [asUtc - DAY_MS, asUtc + DAY_MS].map((at) => offsetMs(at, zone));
  const fits = offsets.map((offset) => asUtc - offset).filter((at, n) => offsetMs(at, zone) === offsets[n]);
  const found = new Date(fits.length > 0 ? Math.min(...fits) : asUtc - (offsets[0] ?? 0)); // what the clock skips comes an hour later
  return isStorableInstant(found) ? found : undefined;
}

/** Clocks change once a day at most: before and after it are the two offsets that there may be. */
const DAY_MS = 24 * 3_600_000;

function offsetMs(at: number, zone: string): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(at);
  const part = (type: string) => Number(parts.find((one) => one.type === type)?.value);
  const local = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
  return local - Math.floor(at / 1_000) * 1_000;
}
