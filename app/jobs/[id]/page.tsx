/** One job: where it stands, how far it is, and what its attempts left behind. */
import { notFound } from 'next/navigation';
import { queue } from '@/lib/queue';
import { requireSession } from '../../operator';
import { When } from '../../when';

export default async function Job({ params }: PageProps<'/jobs/[id]'>) {
  await requireSession();
  const { id } = await params;
  const job = /^\d{1,18}$/.test(id) ? await queue.getJob(id) : null;
  if (job === null) notFound();
  const { type, status, progress } = job;
  return (
    <>
      <h1>
        {type} {job.id}
      </h1>
      <table>
        <tbody>
          <tr>
            <th>Status</th>
            <td>{status}</td>
          </tr>
          <tr>
            <th>Queue, priority</th>
            <td>
              {job.queue}, {job.priority}
            </td>
          </tr>
          <tr>
            <th>Attempts</th>
            <td>
              {job.attempts} of {job.maxAttempts}
            </td>
          </tr>
          <tr>
            <th>Idempotency key</th>
            <td>{job.idempotencyKey ?? '–'}</td>
          </tr>
          <Instant name="Created (UTC)" at={job.createdAt} />
          <Instant name="Due" at={job.scheduledFor} />
          <Instant name="Started" at={job.startedAt} />
          <Instant name="Finished" at={job.finishedAt} />
        </tbody>
      </table>
      {progress && (
        <p>
          <progress max={progress.total} value={progress.done} /> {progress.note}
        </p>
      )}
      <Json name="Payload" value={job.payload} />
      <Json name="Result" value={job.result} />
      <Json name="Errors, oldest first" value={job.errors} />
    </>
  );
}

function Instant({ name, at }: { name: string; at: Date | null }) {
  return (
    <tr>
      <th>{name}</th>
      <td>
        <When at={at} />
      </td>
    </tr>
  );
}

/** React escapes it: whatever a customer or a remote system wrote stays text. */
function Json({ name, value }: { name: string; value: unknown }) {
  if (value === null || value === undefined || (Array.isArray(value) && value.length === 0)) return null;
  return (
    <>
      <h2>{name}</h2>
      <pre>{JSON.stringify(value, null, 2)}</pre>
    </>
  );
}
