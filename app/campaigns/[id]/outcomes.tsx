/** The state of the whole audience: one bar, and numbers that add up to it. */
import { count } from '@conversure/jobqueue-console/ui';
import type { CampaignReport } from '@/lib/campaigns';

interface Part {
  readonly name: string;
  readonly people: number;
  readonly className: string;
  readonly why?: string;
}

export function Outcomes({ report }: { report: CampaignReport }) {
  const parts = partsOf(report).filter(({ people }) => people > 0);
  const { planned } = report;
  if (planned === 0) return null;
  return (
    <div className="card grid gap-3 p-3">
      <Bar parts={parts} planned={planned} />
      <dl className="grid grid-cols-2 gap-x-4 gap-y-2 sm:grid-cols-3 lg:grid-cols-5">
        {parts.map(({ name, people, className, why }) => (
          <div key={name} className="min-w-0">
            <dt className="soft flex items-center gap-1.5 text-[0.85rem]">
              <span className={`size-2 rounded-full bg-current ${className}`} aria-hidden />
              {name}
            </dt>
            <dd>
              <strong>{count(people)}</strong>{' '}
              <span className="soft">{Math.round((people / planned) * 1_000) / 10} %</span>
              {why && <span className="soft block text-[0.88rem]">{why}</span>}
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

/** Drawn, not styled: the pages' policy allows no style in the markup. */
function Bar({ parts, planned }: { parts: readonly Part[]; planned: number }) {
  const ends = parts.map((_, n) => parts.slice(0, n + 1).reduce((sum, { people }) => sum + people, 0));
  const at = (people: number) => (people / planned) * 100;
  return (
    <svg viewBox="0 0 100 1" preserveAspectRatio="none" className="h-3 w-full rounded-full" aria-hidden>
      {parts.map(({ name, people, className }, n) => (
        <rect
          key={name}
          x={at((ends[n] ?? 0) - people)}
          width={at(people)}
          height={1}
          fill="currentColor"
          className={className}
        />
      ))}
    </svg>
  );
}

function partsOf(report: CampaignReport): readonly Part[] {
  const { read, delivered, sent, accepted, sending, pending, deferred, unknown, unconfirmed, failed, skipped } = report;
  return [
    { name: 'Read', people: read, className: 'text-good' },
    { name: 'Delivered', people: delivered, className: 'text-good/70' },
    { name: 'Sent', people: sent, className: 'text-busy' },
    { name: 'Accepted', people: accepted, className: 'text-busy/70' },
    { name: 'Being sent', people: sending, className: 'text-busy/40' },
    { name: 'Waiting', people: pending, className: 'text-edge' },
    { name: 'Deferred', people: deferred.total, className: 'text-later', why: reasons(deferred.byReason) },
    {
      name: 'Unknown',
      people: unknown,
      className: 'text-warn/60',
      why: 'no answer to the call; a webhook may still report it',
    },
    { name: 'Unconfirmed', people: unconfirmed, className: 'text-warn', why: 'may or may not have been sent' },
    { name: 'Failed', people: failed.total, className: 'text-bad' },
    { name: 'Skipped', people: skipped.total, className: 'text-soft', why: reasons(skipped.byReason) },
  ];
}

function reasons(byReason: Readonly<Record<string, number>>): string {
  return Object.entries(byReason)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, people]) => `${count(people)} ${reason.replaceAll('_', ' ')}`)
    .join(', ');
}
