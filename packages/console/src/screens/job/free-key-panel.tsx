/** The question before an idempotency key is freed: which key, who holds it, and what may happen then. */

import type { JobView } from '@conversure/jobqueue';
import { ActionForm } from '../../ui/action-form.tsx';
import { Hidden, Reason } from '../../ui/field.tsx';
import { Link } from '../../ui/link.tsx';
import { Panel } from '../../ui/panel.tsx';
import { Submit } from '../../ui/submit.tsx';

export function FreeKeyPanel({ job, back }: { job: JobView; back: string }) {
  const isLive = job.finishedAt === null;
  return (
    <Panel
      title={`Free the key of job ${job.id}`}
      back={back}
      description={
        <>
          <p>
            Job {job.id} ({job.status}) holds <strong className="mono break-all">{job.idempotencyKey}</strong>, so every
            new {job.type} with this key is a duplicate.
          </p>
          <p className="soft">
            {isLive
              ? 'This job goes on without its key, so a second job with the same key may run at the same time. To stop this job instead, cancel it: that also frees its key.'
              : 'This job has completed. If its key is freed before its window has passed, the same work may be done a second time.'}
          </p>
        </>
      }
    >
      <ActionForm run="free-key" className="grid gap-3">
        <Hidden values={{ id: job.id, type: job.type, key: job.idempotencyKey ?? undefined }} />
        <Reason />
        <div className="flex justify-end gap-2">
          <Link href={back} className="button">
            Keep it
          </Link>
          <Submit tone="danger">Free 1 key</Submit>
        </div>
      </ActionForm>
    </Panel>
  );
}
