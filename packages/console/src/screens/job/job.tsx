/** One job: where it stands, what it was given, what its attempts left behind, who touched it, and what can be done with it. */

import { HIDDEN, type JobView } from '@conversure/jobqueue';
import { notFound } from 'next/navigation';
import type { ConsoleQueue, ScreenProps } from '../../options.ts';
import { one } from '../../ui/address.ts';
import { Done } from '../../ui/done.tsx';
import { Facts, Head, Section } from '../../ui/head.tsx';
import { Json } from '../../ui/json.tsx';
import { Link } from '../../ui/link.tsx';
import { Live } from '../../ui/live.tsx';
import { Refused } from '../../ui/refused.tsx';
import { Status } from '../../ui/status.tsx';
import { Ago, When } from '../../ui/when.tsx';
import { viewerZone } from '../../ui/zoned.ts';
import { AuditTable } from '../audit/audit-table.tsx';
import { BulkPanel } from '../jobs/bulk-panel.tsx';
import { type BulkAction, LIVE_ACTIONS, paramsOf } from '../jobs/query.ts';
import { AmendPanel } from './amend-panel.tsx';
import { Flow } from './flow.tsx';
import { FreeKeyPanel } from './free-key-panel.tsx';
import { Timeline } from './timeline.tsx';

export async function Job({ setup: { queue, messages }, session: { role }, params: { id = '' }, sent }: ScreenProps) {
  const zone = await viewerZone();
  const job = /^[1-9]\d{0,17}$/.test(id) ? await queue.getJob(id) : null;
  if (job === null) notFound();
  const trail = await queue.related(id);
  const shown = queue.redactPayload(job.type, job.payload);
  const holdsKey = await holdsItsKey(queue, job);
  const actions = role === 'operator' ? [...actionsOf(job), ...(holdsKey ? (['free_key'] as const) : [])] : [];
  const asked = actions.find((action) => action === one(sent.do));
  const here = `/jobs/${job.id}`;
  const isLive = job.finishedAt === null;
  return (
    <>
      <Head
        title={
          <>
            {job.type} <span className="mono font-normal text-soft">{job.id}</span>
          </>
        }
        sub={<Status of={job.status} />}
      >
        {isLive && <Live everyMs={5_000} />}
        {actions.map((action) => (
          <Link
            key={action}
            href={`${here}?do=${action}`}
            scroll={false}
            className={`button ${action === 'cancel' ? 'danger' : ''}`}
          >
            {BUTTONS[action]}
          </Link>
        ))}
      </Head>
      {asked === undefined && <Refused code={sent.refused} at={sent.at} messages={messages} />}
      <Done params={sent} messages={messages} />
      <Facts
        facts={[
          [
            'Queue',
            <Link key="queue" href={`/jobs?queue=${encodeURIComponent(job.queue)}`}>
              {job.queue}
            </Link>,
          ],
          ['Priority', job.priority],
          ['Attempts', `${job.attempts} of ${job.maxAttempts}`],
          ['Created', <When key="created" at={job.createdAt} />],
          isLive
            ? ['Due', job.waitsForChildren ? 'once its children are done' : <Ago key="due" at={job.scheduledFor} />]
            : ['Ended', <When key="ended" at={job.finishedAt} />],
          [
            'Idempotency key',
            job.idempotencyKey === null ? (
              <None key="key" />
            ) : (
              <span key="key" className="break-all">
                <span className="mono">{job.idempotencyKey}</span>
                {!holdsKey && <span className="soft">, no longer held</span>}
              </span>
            ),
          ],
          ...(trail.schedule
            ? [
                [
                  'Schedule',
                  <Link key="schedule" href="/schedules">
                    {trail.schedule.name}
                  </Link>,
                ] as const,
                ['Slot', <When key="slot" at={trail.schedule.slot} />] as const,
              ]
            : []),
        ]}
      />
      {job.progress && <ProgressBar progress={job.progress} />}
      <div className="grid gap-5 xl:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
        <div className="grid grid-cols-[minmax(0,1fr)] content-start gap-5">
          <Section title="History, newest first">
            <Timeline job={job} drains={trail.drains} />
          </Section>
          <Flow job={job} trail={trail} />
          <Section title="Changes by operators" aside="among the newest 5,000 entries of the audit log">
            {trail.audit.length === 0 ? (
              <p className="soft">No action has named this job.</p>
            ) : (
              <AuditTable entries={trail.audit} />
            )}
          </Section>
        </div>
        <div className="grid grid-cols-[minmax(0,1fr)] content-start gap-5">
          <Section
            title="Payload"
            aside={
              shown === HIDDEN ? 'hidden: all of it is secret, or this deployment does not know the type' : undefined
            }
          >
            <Json value={shown} />
          </Section>
          {job.result !== null && (
            <Section title="Result">
              <Json value={job.result} />
            </Section>
          )}
          {job.state !== null && (
            <Section title="State for the next run">
              <Json value={job.state} />
            </Section>
          )}
        </div>
      </div>
      {asked === 'amend' && (
        <AmendPanel job={job} shown={shown} back={here} refused={sent.refused} at={sent.at} messages={messages} />
      )}
      {asked === 'free_key' && <FreeKeyPanel job={job} back={here} />}
      {asked && asked !== 'amend' && asked !== 'free_key' && (
        <BulkPanel queue={queue} action={asked} params={paramsOf({ ids: job.id })} zone={zone} back={here} />
      )}
    </>
  );
}

/** Dead letters and cancelled jobs gave theirs back, completed ones hold it for a while. */
async function holdsItsKey(queue: ConsoleQueue, { id, type, idempotencyKey }: JobView): Promise<boolean> {
  if (idempotencyKey === null) return false;
  const holder = await queue.findJob({ type, idempotencyKey });
  return holder?.id === id;
}

const BUTTONS: Readonly<Record<BulkAction | 'amend' | 'free_key', string>> = {
  cancel: 'Cancel…',
  reschedule: 'Reschedule…',
  set_priority: 'Priority…',
  replay: 'Replay…',
  amend: 'Edit and replay…',
  free_key: 'Free its key…',
};

function actionsOf({ status }: JobView): readonly (BulkAction | 'amend')[] {
  switch (status) {
    case 'PENDING':
      return LIVE_ACTIONS;
    case 'PROCESSING':
      return ['cancel'];
    case 'DEAD_LETTER':
    case 'CANCELLED':
      return ['amend', 'replay'];
    case 'COMPLETED':
      return [];
  }
}

function None() {
  return <span className="soft">none</span>;
}

function ProgressBar({ progress: { done, total, note } }: { progress: NonNullable<JobView['progress']> }) {
  return (
    <div className="card grid gap-1.5 p-3">
      <div className="flex flex-wrap justify-between gap-2">
        <span>{note ?? 'Progress'}</span>
        <span className="soft">{total === undefined ? done : `${done} of ${total}`}</span>
      </div>
      <progress max={total ?? 1} value={total === undefined ? undefined : done} aria-label="Progress" />
    </div>
  );
}
