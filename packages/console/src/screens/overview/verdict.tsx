/** The verdict on the queue's health, in words: what is wrong first, the rest on demand. */

import type { Health } from '@conversure/jobqueue';
import { CircleCheck, TriangleAlert } from '../../ui/icons.tsx';
import { Link } from '../../ui/link.tsx';

export function Verdict({ health }: { health: Health }) {
  const red = health.checks.filter(({ ok }) => !ok);
  const isWell = health.status === 'ok';
  const Icon = isWell ? CircleCheck : TriangleAlert;
  return (
    <section
      aria-label="Health"
      className={`card grid gap-2 border-l-4 p-3 ${isWell ? 'border-l-good' : 'border-l-bad'}`}
    >
      <div className={`flex items-center gap-2 font-semibold text-[1.05rem] ${isWell ? 'text-good' : 'text-bad'}`}>
        <Icon size={18} />
        {isWell ? 'All checks are green' : red.length === 1 ? 'One check is red' : `${red.length} checks are red`}
      </div>
      {red.length > 0 && (
        <ul className="grid gap-1">
          {red.map(({ name, detail, next, page }) => (
            <li key={name}>
              {sentence(detail)} {next !== null && <span className="soft">Next: {next}.</span>}{' '}
              {page !== '/' && (
                <Link href={page} className="link" aria-label={`Look at ${name.replaceAll('_', ' ')}`}>
                  Look
                </Link>
              )}
            </li>
          ))}
        </ul>
      )}
      <details>
        <summary className="soft">All checks</summary>
        <ul className="mt-2 grid gap-x-6 gap-y-1 lg:grid-cols-2">
          {health.checks.map(({ name, ok, detail }) => (
            <li key={name} className="flex items-baseline gap-2">
              <span className={`badge ${ok ? 'text-good' : 'text-bad'}`}>{name.replaceAll('_', ' ')}</span>
              <span className="soft">{sentence(detail)}</span>
            </li>
          ))}
        </ul>
      </details>
    </section>
  );
}

function sentence(detail: string): string {
  return `${detail.slice(0, 1).toUpperCase()}${detail.slice(1)}.`;
}
