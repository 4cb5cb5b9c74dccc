/** Jobs as a table, wherever they are listed. */

import type { JobLine } from '@conversure/jobqueue';
import { Link } from '../../ui/link.tsx';
import { Status } from '../../ui/status.tsx';
import { type Column, DataTable } from '../../ui/table.tsx';
import { Ago, When } from '../../ui/when.tsx';

const COLUMNS: readonly Column[] = [
  { id: 'job', title: 'Job', heads: true },
  { id: 'type', title: 'Type' },
  { id: 'status', title: 'Status' },
  { id: 'queue', title: 'Queue', from: 'wide' },
  { id: 'priority', title: 'Priority', align: 'right', from: 'wide' },
  { id: 'attempts', title: 'Attempts', align: 'right', from: 'wide' },
  { id: 'created', title: 'Created', from: 'wide' },
  { id: 'due', title: 'Due or ended', from: 'wide' },
  { id: 'about', title: 'Key or last error', from: 'wide' },
];

export function JobTable({ jobs, choose }: { jobs: readonly JobLine[]; choose: boolean }) {
  const rows = jobs.map((job) => ({
    id: job.id,
    cells: {
      job: (
        <Link href={`/jobs/${job.id}`} className="link mono">
          {job.id}
        </Link>
      ),
      type: job.type,
      status: <Status of={job.status} />,
      queue: job.queue,
      priority: job.priority,
      attempts: `${job.attempts} of ${job.maxAttempts}`,
      created: <When at={job.createdAt} />,
      due: <Due job={job} />,
      about: <About job={job} />,
    },
  }));
  return <DataTable label="Jobs" columns={COLUMNS} rows={rows} {...(choose && { choose: 'ids' })} />;
}

function Due({ job: { finishedAt, scheduledFor, waitsForChildren } }: { job: JobLine }) {
  if (finishedAt !== null) return <When at={finishedAt} />;
  return waitsForChildren ? <span className="soft">after its children</span> : <Ago at={scheduledFor} />;
}

function About({ job: { error, idempotencyKey } }: { job: JobLine }) {
  if (error)
    return (
      <span className="block w-[16ch] min-w-full truncate text-bad" title={`${error.name}: ${error.message}`}>
        {error.name}: {error.message}
      </span>
    );
  return <span className="mono block w-[16ch] min-w-full truncate text-soft">{idempotencyKey ?? ''}</span>;
}
