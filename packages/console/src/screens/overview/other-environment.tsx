/** A deployment that looks at another environment's database: what is seen here runs elsewhere. */

import { type Environments, isForeign } from '@conversure/jobqueue';
import { TriangleAlert } from '../../ui/icons.tsx';

export function OtherEnvironment({ environments }: { environments: Environments }) {
  if (!isForeign(environments)) return null;
  const { own, owner } = environments;
  return (
    <section aria-label="Environment" className="card grid gap-1 border-l-4 border-l-warn p-3">
      <div className="flex items-center gap-2 font-semibold text-warn">
        <TriangleAlert size={18} />
        {`This is the database of ${owner}`}
      </div>
      <p>
        {`${own === null ? 'This deployment names no environment' : `This deployment is ${own}`}: it runs no jobs here, fires no schedules and sends no alerts. `}
        Jobs that it enqueues are run by {owner}. To change that, give it a database of its own, or see{' '}
        <code>npx @conversure/jobqueue adopt --help</code>.
      </p>
    </section>
  );
}
