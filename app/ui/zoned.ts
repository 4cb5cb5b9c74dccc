/** Times in the viewer's zone, once their browser has named it; in UTC before. */
import { cookies } from 'next/headers';
import { cache } from 'react';

/** An IANA name that this server knows. */
export const viewerZone = cache(async (): Promise<string> => {
  const zone = decodeURIComponent((await cookies()).get('zone')?.value.replace(/%(?![\dA-F]{2})/gi, '') ?? 'UTC');
  try {
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
