/** Where everybody of the audience stands now: one bar, and the numbers that add up to all of them. */
import type { CampaignReport } from '@/lib/campaigns';
import { count } from '../../ui/words';

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
      <div className="flex h-3 overflow-hidden rounded-full bg-sunken" aria-hidden>
        {parts.map(({ name, people, className }) => (
          <div key={name} className={className} style={{ width: `${(people / planned) * 100}%` }} />
        ))}
      </div>
      <dl className="grid grid-cols-2 gap-x-4 gap-y-2 sm:grid-cols-3 lg:grid-cols-5">
        {parts.map(({ name, people, className, why }) => (
          <div key={name} className="min-w-0">
            <dt className="soft flex items-center gap-1.5 text-[0.85rem]">
              <span className={`size-2 rounded-full ${className}`} aria-hidden />
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

function partsOf(report: CampaignReport): readonly Part[] {
  const { read, delivered, sent, accepted, sending, pending, deferred, unknown, unconfirmed, failed, skipped } = report;
  return [
    { name: 'Read', people: read, className: 'bg-good' },
    { name: 'Delivered', people: delivered, className: 'bg-good/70' },
    { name: 'Sent', people: sent, className: 'bg-busy' },
    { name: 'Accepted', people: accepted, className: 'bg-busy/70' },
    { name: 'Being sent', people: sending, className: 'bg-busy/40' },
    { name: 'Waiting', people: pending, className: 'bg-edge' },
    { name: 'Deferred', people: deferred.total, className: 'bg-later', why: reasons(deferred.byReason) },
    { name: 'Unknown', people: unknown, className: 'bg-warn/60', why: 'called without an answer; a webhook may tell' },
    { name: 'Unconfirmed', people: unconfirmed, className: 'bg-warn', why: 'perhaps sent, perhaps not' },
    { name: 'Failed', people: failed.total, className: 'bg-bad' },
    { name: 'Skipped', people: skipped.total, className: 'bg-soft', why: reasons(skipped.byReason) },
  ];
}

function reasons(byReason: Readonly<Record<string, number>>): string {
  return Object.entries(byReason)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, people]) => `${count(people)} ${reason.replaceAll('_', ' ')}`)
    .join(', ');
}
