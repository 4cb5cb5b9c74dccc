/** What is paused, and pausing more. */
import { Pause as PauseIcon } from 'lucide-react';
import type { Pause } from '@/lib/jobqueue';
import { targetOf } from '../overview/pauses';
import { Field, Hidden, Reason } from '../ui/field';
import { Submit } from '../ui/submit';
import { type Column, DataTable } from '../ui/table';
import { Ago } from '../when';
import { pauseTarget, resumeTarget } from './pause';

const COLUMNS: readonly Column[] = [
  { id: 'target', title: 'Paused', heads: true },
  { id: 'since', title: 'Since' },
  { id: 'reason', title: 'Why' },
  { id: 'do', title: '', align: 'right' },
];

export function PauseList({ pauses, canAct }: { pauses: readonly Pause[]; canAct: boolean }) {
  if (pauses.length === 0) return null;
  const rows = pauses.map((pause) => ({
    id: `${pause.queue} ${pause.type}`,
    tone: 'warn' as const,
    cells: {
      target: targetOf(pause),
      since: <Ago at={pause.since} />,
      reason: pause.reason ?? <span className="soft">no reason was given</span>,
      do: canAct && (
        <form action={resumeTarget}>
          <Hidden values={{ queue: pause.queue, type: pause.type }} />
          <Submit small tone="plain" label={`Resume ${targetOf(pause)}`}>
            Resume
          </Submit>
        </form>
      ),
    },
  }));
  return <DataTable label="What is paused" columns={COLUMNS} rows={rows} />;
}

export function PauseForm({ types, queues }: { types: readonly string[]; queues: readonly string[] }) {
  return (
    <form action={pauseTarget} className="card grid items-end gap-3 p-3 md:grid-cols-[12rem_12rem_minmax(0,1fr)_auto]">
      <Field name="pause-type" label="Type">
        <select id="field-pause-type" name="type" defaultValue="*">
          <option value="*">all types</option>
          {types.map((type) => (
            <option key={type}>{type}</option>
          ))}
        </select>
      </Field>
      <Field name="pause-queue" label="Queue">
        <input id="field-pause-queue" name="queue" list="queues" maxLength={100} placeholder="all queues" />
        <datalist id="queues">
          {queues.map((queue) => (
            <option key={queue} value={queue} />
          ))}
        </datalist>
      </Field>
      <Reason />
      <Submit tone="danger">
        <PauseIcon size={15} aria-hidden />
        Pause
      </Submit>
    </form>
  );
}
