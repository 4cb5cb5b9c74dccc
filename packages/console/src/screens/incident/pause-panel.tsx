/** The question before a pause: how many jobs it keeps waiting, how many run on, and whether the queue's name is one in use. */

import type { Counted, Overview } from '@conversure/jobqueue';
import type { ConsoleQueue } from '../../options.ts';
import { ActionForm } from '../../ui/action-form.tsx';
import { Hidden, Reason } from '../../ui/field.tsx';
import { Pause as PauseIcon } from '../../ui/icons.tsx';
import { Link } from '../../ui/link.tsx';
import { Panel } from '../../ui/panel.tsx';
import { Submit } from '../../ui/submit.tsx';
import { atLeast } from '../../ui/words.ts';
import { targetOf } from '../overview/pauses.tsx';
import type { PauseTarget } from './params.ts';

interface PausePanelProps {
  readonly queue: ConsoleQueue;
  readonly target: PauseTarget & { readonly type: string };
  readonly lanes: Overview['lanes'];
}

export async function PausePanel({ queue, target, lanes }: PausePanelProps) {
  const named = { ...(target.type !== '*' && { type: target.type }), ...(target.queue && { queue: target.queue }) };
  const [{ waiting, running }, warnings] = await Promise.all([numbersOf(queue, named, lanes), queue.checkNames(named)]);
  const name = targetOf({ queue: target.queue ?? '*', type: target.type });
  return (
    <Panel
      title={`Pause ${name === 'Everything' ? 'everything' : name}`}
      back="/incident"
      description={
        <>
          <p>
            <strong>{`${atLeast(waiting.n, waiting.atLeast)} wait`}</strong> and will not start;{' '}
            <strong>{`${atLeast(running.n, running.atLeast)} run`}</strong> and will finish.
          </p>
          <p className="soft">
            From 2 s after the pause on no job starts until somebody resumes it. New jobs can still be enqueued.
          </p>
          {warnings.map((warning) => (
            <p key={warning} className="text-warn">
              {`${warning.slice(0, 1).toUpperCase()}${warning.slice(1)}.`}
            </p>
          ))}
        </>
      }
    >
      <ActionForm run="pause" className="grid gap-3">
        <Hidden values={{ type: target.type, queue: target.queue ?? '*' }} />
        <Reason />
        <div className="flex justify-end gap-2">
          <Link href="/incident" className="button">
            Let it run
          </Link>
          <Submit tone="danger">
            <PauseIcon size={15} />
            {`Pause ${atLeast(waiting.n, waiting.atLeast)} waiting ${waiting.n === 1 ? 'job' : 'jobs'}`}
          </Submit>
        </div>
      </ActionForm>
    </Panel>
  );
}

/** The numbers for «everything» come from the overview, because a filter without a criterion would be refused. */
async function numbersOf(
  queue: ConsoleQueue,
  named: { readonly type?: string; readonly queue?: string },
  lanes: Overview['lanes'],
): Promise<{ waiting: Counted; running: Counted }> {
  if (named.type !== undefined || named.queue !== undefined) {
    const [waiting, running] = await Promise.all([
      queue.countJobs({ ...named, status: 'PENDING' }),
      queue.countJobs({ ...named, status: 'PROCESSING' }),
    ]);
    return { waiting, running };
  }
  const sum = (of: (lane: Overview['lanes'][number]) => number) => lanes.reduce((total, lane) => total + of(lane), 0);
  return {
    waiting: {
      n: sum(({ ready, scheduled }) => ready.n + scheduled.n),
      atLeast: lanes.some(({ ready, scheduled }) => ready.atLeast || scheduled.atLeast),
    },
    running: { n: sum((lane) => lane.running), atLeast: false },
  };
}
