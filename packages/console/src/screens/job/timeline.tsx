/** A job's history, newest first: its end, its failed attempts with their errors, its run, its creation. */

import type { JobView, Related } from '@conversure/jobqueue';
import type { ReactNode } from 'react';
import { Link } from '../../ui/link.tsx';
import { Ago, When } from '../../ui/when.tsx';
import { duration } from '../../ui/words.ts';

interface TimelineProps {
  readonly job: JobView;
  readonly drains: Related['drains'];
}

type Tone = 'good' | 'bad' | 'warn' | 'busy' | 'soft';

const DOTS: Readonly<Record<Tone, string>> = {
  good: 'bg-good',
  bad: 'bg-bad',
  warn: 'bg-warn',
  busy: 'bg-busy',
  soft: 'bg-edge',
};
const ENDS = {
  COMPLETED: ['Completed', 'good'],
  DEAD_LETTER: ['Became a dead letter', 'bad'],
  CANCELLED: ['Cancelled', 'warn'],
} as const;

export function Timeline({ job, drains }: TimelineProps) {
  const { status, startedAt, finishedAt, createdAt, scheduledFor, errors } = job;
  const ran = startedAt && finishedAt ? finishedAt.getTime() - startedAt.getTime() : null;
  const happened: Happened[] = errors.map((error) => ({
    at: new Date(error.at),
    tone: error.code === 'cancelled' ? 'warn' : 'bad',
    title: error.code === 'cancelled' ? 'Was cancelled' : `Attempt ${error.attempt} failed`,
    more: <Failure error={error} />,
  }));
  if (startedAt)
    happened.push({
      at: startedAt,
      tone: status === 'PROCESSING' ? 'busy' : 'soft',
      title: status === 'PROCESSING' ? 'Runs since' : 'Latest run began',
      more: <RanIn drains={drains} />,
    });
  happened.sort((a, b) => b.at.getTime() - a.at.getTime());
  return (
    <ol className="card grid gap-0 p-3">
      {job.waitsForChildren && <Event tone="soft" title="Waits for its children" />}
      {status === 'PENDING' && !job.waitsForChildren && (
        <Event
          tone="soft"
          title={scheduledFor.getTime() > Date.now() ? 'Will be due' : 'Waits for a drain, due'}
          at={scheduledFor}
          isAgo
        />
      )}
      {finishedAt && status !== 'PENDING' && status !== 'PROCESSING' && (
        <Event tone={ENDS[status][1]} title={ENDS[status][0]} at={finishedAt}>
          {ran !== null && ran >= 0 && <span className="soft">{duration(ran)} after its latest run began</span>}
        </Event>
      )}
      {happened.map(({ at, tone, title, more }) => (
        <Event key={`${at.getTime()} ${title}`} tone={tone} title={title} at={at}>
          {more}
        </Event>
      ))}
      <Event tone="soft" title="Enqueued" at={createdAt} isLast />
    </ol>
  );
}

interface Happened {
  readonly at: Date;
  readonly tone: Tone;
  readonly title: string;
  readonly more: ReactNode;
}

interface EventProps {
  readonly tone: Tone;
  readonly title: string;
  readonly at?: Date;
  readonly isAgo?: boolean;
  readonly isLast?: boolean;
  readonly children?: ReactNode;
}

function Event({ tone, title, at, isAgo = false, isLast = false, children }: EventProps) {
  return (
    <li className="grid grid-cols-[1rem_minmax(0,1fr)] gap-x-2">
      <div className="flex flex-col items-center" aria-hidden>
        <span className={`mt-1.5 size-2 shrink-0 rounded-full ${DOTS[tone]}`} />
        {!isLast && <span className="w-px grow bg-line" />}
      </div>
      <div className={`grid gap-1 ${isLast ? '' : 'pb-3'}`}>
        <div className="flex flex-wrap items-baseline justify-between gap-x-3">
          <span className="font-medium">{title}</span>
          {at && <span className="soft text-[0.92rem]">{isAgo ? <Ago at={at} /> : <When at={at} />}</span>}
        </div>
        {children}
      </div>
    </li>
  );
}

function RanIn({ drains }: { drains: Related['drains'] }) {
  if (drains.length === 0) return null;
  const holder = drains.find(({ holds }) => holds);
  const candidates = holder ? [holder] : drains;
  return (
    <span className="soft">
      {candidates.length === 1 ? 'in ' : 'in one of '}
      {candidates.map(({ id, source, startedAt }, n) => (
        <span key={id}>
          {n > 0 && ', '}
          <Link href={`/ticks/${id}`} className="link">
            the {source} drain
          </Link>{' '}
          of <When at={startedAt} />
        </span>
      ))}
    </span>
  );
}

function Failure({ error }: { error: JobView['errors'][number] }) {
  return (
    <div className="grid gap-1">
      <div className="break-words">
        <strong className={error.code === 'cancelled' ? '' : 'text-bad'}>{error.name}</strong>
        {error.code && error.code !== 'cancelled' && <span className="mono soft"> {error.code}</span>}: {error.message}
        {'by' in error && typeof error.by === 'string' && <span className="soft"> (by {error.by})</span>}
      </div>
      {error.issues && (
        <ul className="soft list-disc pl-5">
          {error.issues.map(({ path, message }) => (
            <li key={`${path} ${message}`}>
              <span className="mono">{path}</span>: {message}
            </li>
          ))}
        </ul>
      )}
      {error.stack && (
        <details>
          <summary className="soft">Stack</summary>
          <pre className="mt-1 max-h-80 overflow-auto text-[0.85rem]">{error.stack}</pre>
        </details>
      )}
    </div>
  );
}
