/** Progress of a manual drain, read from the ledger, which is updated at least every two seconds. */

import type { DrainView } from '@conversure/jobqueue';
import { Link } from '../../ui/link.tsx';
import { Status } from '../../ui/status.tsx';
import { count, duration } from '../../ui/words.ts';

const COUNTS = [
  ['claimed', 'claimed'],
  ['completed', 'completed'],
  ['retried', 'retried'],
  ['dead', 'deadLettered'],
  ['given back', 'givenBack'],
] as const satisfies readonly (readonly [string, keyof DrainView['report']])[];

export function DrainProgress({ run, drain }: { run: string; drain: DrainView | undefined }) {
  if (drain === undefined)
    return (
      <p className="banner" role="status" data-run={run}>
        The drain begins; its first exchange is on the way. If it does not show up here, the log of this deployment says
        why.
      </p>
    );
  const { id, state, startedAt, finishedAt, deadlineAt, report, stopReason } = drain;
  const budgetMs = deadlineAt.getTime() - startedAt.getTime();
  const tookMs = (finishedAt ?? new Date()).getTime() - startedAt.getTime();
  return (
    <div className="card grid gap-2 p-3" role="status">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <span className="flex items-center gap-2 font-medium">
          <Status of={state} />{' '}
          {state === 'running' ? 'Your drain is running' : `Your drain ended: ${stopReason ?? 'it died'}`}
        </span>
        <Link href={`/ticks/${id}`} className="link">
          {duration(tookMs)} of {duration(budgetMs)}
        </Link>
      </div>
      <progress
        max={budgetMs}
        value={state === 'running' ? Math.min(tookMs, budgetMs) : budgetMs}
        aria-label="Time used of the budget"
      />
      <dl className="flex flex-wrap gap-x-6 gap-y-1">
        {COUNTS.map(([name, key]) => (
          <div key={key} className="flex gap-1.5">
            <dt className="soft">{name}</dt>
            <dd className="font-medium">{count(report[key] ?? 0)}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
