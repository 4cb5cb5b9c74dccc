/** The latest jobs, newest first, by status. */
import Link from 'next/link';
import { z } from 'zod';
import { requireSession } from '../operator';
import { When } from '../when';
import { type JobLine, latestJobs, PAGE } from './latest';

const STATUSES = ['PENDING', 'PROCESSING', 'COMPLETED', 'DEAD_LETTER', 'CANCELLED'] as const;

/** Whatever an address says, the page shows something: an unknown filter is no filter. */
const query = z.object({
  status: z.enum(STATUSES).nullable().catch(null),
  before: z
    .string()
    .regex(/^\d{1,18}$/)
    .transform(BigInt)
    .nullable()
    .catch(null),
});

export default async function Jobs({ searchParams }: PageProps<'/jobs'>) {
  await requireSession();
  const filter = query.parse(await searchParams);
  const jobs = await latestJobs(filter);
  const last = jobs.length === PAGE ? jobs.at(-1) : undefined;
  return (
    <>
      <h1>Jobs</h1>
      <nav aria-label="Status">
        <Link href="/jobs">all</Link>
        {STATUSES.map((status) => (
          <Link
            key={status}
            href={`/jobs?status=${status}`}
            aria-current={status === filter.status ? 'page' : undefined}
          >
            {status}
          </Link>
        ))}
      </nav>
      {jobs.length === 0 ? <p className="soft">No such jobs.</p> : <JobTable jobs={jobs} />}
      {last && (
        <Link
          href={{
            pathname: '/jobs',
            query: { ...(filter.status && { status: filter.status }), before: String(last.id) },
          }}
        >
          Older
        </Link>
      )}
    </>
  );
}

function JobTable({ jobs }: { jobs: readonly JobLine[] }) {
  return (
    <div className="scroll">
      <table>
        <thead>
          <tr>
            <th>Job</th>
            <th>Type</th>
            <th>Status</th>
            <th className="number">Priority</th>
            <th className="number">Attempts</th>
            <th>Created (UTC)</th>
            <th>Due</th>
            <th>Finished</th>
          </tr>
        </thead>
        <tbody>
          {jobs.map((job) => (
            <tr key={job.id}>
              <td>
                <Link href={`/jobs/${job.id}`}>{String(job.id)}</Link>
              </td>
              <td>{job.type}</td>
              <td>{job.status}</td>
              <td className="number">{job.priority}</td>
              <td className="number">
                {job.attempt}/{job.maxAttempts}
              </td>
              <td>
                <When at={job.createdAt} />
              </td>
              <td>
                <When at={job.dueAt} />
              </td>
              <td>
                <When at={job.finishedAt} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
