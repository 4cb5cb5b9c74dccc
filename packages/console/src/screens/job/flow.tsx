/** The other jobs of a job's flow: the one that waits for it, and those that it waits for. */

import type { JobView, Related, Relative } from '@conversure/jobqueue';
import { Section } from '../../ui/head.tsx';
import { Link } from '../../ui/link.tsx';
import { Status } from '../../ui/status.tsx';

export function Flow({ job, trail: { parent, children, childrenTotal } }: { job: JobView; trail: Related }) {
  if (parent === null && childrenTotal === 0) return null;
  const isWaitedFor = parent?.waits && parent.status === 'PENDING';
  const shown = children.filter(({ waits }) => waits).length;
  const waitsFor = shown === children.length && childrenTotal > shown ? `at least ${shown}` : shown; // those come first
  const more = childrenTotal > children.length ? `the first ${children.length} of ${childrenTotal}` : undefined;
  return (
    <>
      {parent && (
        <Section title={isWaitedFor ? 'Parent, which waits for this job' : 'Parent'}>
          <ul className="card grid gap-1.5 p-3">
            <Line job={parent} />
          </ul>
        </Section>
      )}
      {childrenTotal > 0 && (
        <Section title={job.waitsForChildren ? `Children, of which it waits for ${waitsFor}` : 'Children'} aside={more}>
          <ul className="card grid max-h-96 gap-1.5 overflow-auto p-3">
            {children.map((child) => (
              <Line key={child.id} job={child} />
            ))}
          </ul>
          {job.waitsForChildren &&
            children.some(({ waits, status }) => waits && (status === 'DEAD_LETTER' || status === 'CANCELLED')) && (
              <p className="soft">
                It waits until what failed or was cancelled is replayed and completes. To run it all the same,
                reschedule it.
              </p>
            )}
        </Section>
      )}
    </>
  );
}

function Line({ job: { id, type, status } }: { job: Relative }) {
  return (
    <li className="flex flex-wrap items-center justify-between gap-x-3 gap-y-1">
      <span>
        {status === null ? (
          <span className="mono">{id}</span>
        ) : (
          <Link href={`/jobs/${id}`} className="link mono">
            {id}
          </Link>
        )}{' '}
        {type ?? <span className="soft">past its retention</span>}
      </span>
      {status && <Status of={status} />}
    </li>
  );
}
