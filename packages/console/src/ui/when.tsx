/** An instant on a page, in the viewer's zone; the exact one, in UTC, shows on hover. */
import { duration } from './words.ts';
import { inZone, viewerZone } from './zoned.ts';

/** An instant in the viewer's zone; a dash for null. */
export async function When({ at }: { at: Date | null }) {
  if (at === null) return <span className="soft">–</span>;
  return (
    <time dateTime={at.toISOString()} title={exactly(at)} className="whitespace-nowrap">
      {inZone(at, await viewerZone())}
    </time>
  );
}

/** Time ago, or time until. Used for instants that people compare with now. */
export function Ago({ at }: { at: Date | null }) {
  if (at === null) return <span className="soft">–</span>;
  const ms = Date.now() - at.getTime();
  return (
    <time dateTime={at.toISOString()} title={exactly(at)} className="whitespace-nowrap">
      {ms < 0 ? `in ${duration(-ms)}` : `${duration(ms)} ago`}
    </time>
  );
}

function exactly(at: Date): string {
  return `${at.toISOString().replace('T', ' ').replace('Z', '')} UTC`;
}
