/** Lists pauses, and adds new ones. */

import type { Pause } from '@conversure/jobqueue';
import { ActionForm } from '../../ui/action-form.tsx';
import { Field, Hidden } from '../../ui/field.tsx';
import { Pause as PauseIcon } from '../../ui/icons.tsx';
import { Submit } from '../../ui/submit.tsx';
import { type Column, DataTable } from '../../ui/table.tsx';
import { Ago } from '../../ui/when.tsx';
import { targetOf } from '../overview/pauses.tsx';
import type { PauseTarget } from './params.ts';

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
      reason: pause.reason ?? <span className="soft">no reason given</span>,
      do: canAct && (
        <ActionForm run="resume">
          <Hidden values={{ queue: pause.queue, type: pause.type }} />
          <Submit small tone="plain" label={`Resume ${targetOf(pause)}`}>
            Resume
          </Submit>
        </ActionForm>
      ),
    },
  }));
  return <DataTable label="Pauses" columns={COLUMNS} rows={rows} />;
}

interface PauseFormProps {
  readonly target: PauseTarget;
  readonly types: readonly string[];
  readonly queues: readonly string[];
}

/** Chooses; nothing is paused before its numbers have been seen. */
export function PauseForm({ target, types, queues }: PauseFormProps) {
  return (
    <form method="get" className="card grid items-end gap-3 p-3 md:grid-cols-[14rem_14rem_auto] md:justify-start">
      <Field name="pause-type" label="Type">
        <select id="field-pause-type" name="pauseType" defaultValue={target.type ?? ''} required>
          <option value="" disabled>
            choose
          </option>
          {types.map((type) => (
            <option key={type}>{type}</option>
          ))}
          <option value="*">all types</option>
        </select>
      </Field>
      <Field name="pause-queue" label="Queue">
        <input
          id="field-pause-queue"
          name="pauseQueue"
          list="queues"
          maxLength={100}
          defaultValue={target.queue}
          placeholder="all queues"
        />
        <datalist id="queues">
          {queues.map((queue) => (
            <option key={queue} value={queue} />
          ))}
        </datalist>
      </Field>
      <button type="submit" className="button w-fit">
        <PauseIcon size={15} />
        Pause…
      </button>
    </form>
  );
}
