/** Drain now: first a look at what it would find, which changes nothing, then the drain itself with that number on its button. */

import type { ConsoleQueue } from '../../options.ts';
import { ActionForm } from '../../ui/action-form.tsx';
import { Field, Hidden } from '../../ui/field.tsx';
import { Play, Search } from '../../ui/icons.tsx';
import { Status } from '../../ui/status.tsx';
import { Submit } from '../../ui/submit.tsx';
import { type Column, DataTable } from '../../ui/table.tsx';
import { atLeast } from '../../ui/words.ts';
import { type DrainParams, filterOf } from './params.ts';

interface DrainFormProps {
  readonly queue: ConsoleQueue;
  readonly mostBudgetS: number;
  readonly params: DrainParams;
  readonly types: readonly string[];
  readonly canAct: boolean;
}

export function DrainForm({ queue, mostBudgetS, params, types, canAct }: DrainFormProps) {
  return (
    <div className="card grid gap-3 p-3">
      <form method="get" className="grid grid-cols-2 items-end gap-3 md:grid-cols-5">
        <Field name="type" label="Type">
          <select id="field-type" name="type" defaultValue={params.type ?? ''}>
            <option value="">all</option>
            {types.map((type) => (
              <option key={type}>{type}</option>
            ))}
          </select>
        </Field>
        <Field name="queue" label="Queue">
          <input id="field-queue" name="queue" defaultValue={params.queue} maxLength={100} placeholder="all" />
        </Field>
        <Field name="limit" label="Limit, jobs">
          <input
            id="field-limit"
            name="limit"
            type="number"
            min={1}
            max={1_000_000}
            defaultValue={params.limit}
            placeholder="no limit"
          />
        </Field>
        <Field name="budget" label="Budget, seconds">
          <input
            id="field-budget"
            name="budget"
            type="number"
            min={1}
            max={mostBudgetS}
            defaultValue={params.budget}
            required
          />
        </Field>
        <label className="flex min-h-9 items-center gap-2">
          <input type="checkbox" name="paused" value="1" defaultChecked={params.paused} /> include paused jobs
        </label>
        <button type="submit" name="look" value="1" className="button w-fit">
          <Search size={15} />
          Dry run
        </button>
      </form>
      {params.look && <DryRun queue={queue} params={params} canAct={canAct} />}
    </div>
  );
}

const COLUMNS: readonly Column[] = [
  { id: 'type', title: 'Type', heads: true },
  { id: 'queue', title: 'Queue' },
  { id: 'priority', title: 'Priority', align: 'right' },
  { id: 'due', title: 'Due', align: 'right' },
  { id: 'notes', title: 'Notes' },
];

async function DryRun({ queue, params, canAct }: Pick<DrainFormProps, 'queue' | 'params' | 'canAct'>) {
  const { lanes, due, more } = await queue.preview(filterOf(params));
  const isBound = more || lanes.some((lane) => lane.atLeast);
  const rows = lanes.map((lane) => ({
    id: `${lane.queue} ${lane.type} ${lane.priority}`,
    cells: {
      type: lane.type,
      queue: lane.queue,
      priority: lane.priority,
      due: atLeast(lane.due, lane.atLeast),
      notes: (
        <span className="flex gap-2">
          {lane.paused && <Status of="paused" />}
          {!lane.handled && <span className="badge text-soft">no handler here</span>}
        </span>
      ),
    },
  }));
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-3" id="dry-run">
      {lanes.length === 0 ? (
        <p className="soft">No job is due, so a drain would end at once.</p>
      ) : (
        <DataTable label="Jobs that a drain would find" columns={COLUMNS} rows={rows} />
      )}
      {canAct && due > 0 && (
        <ActionForm run="drain-now" className="flex flex-wrap items-center gap-3">
          <Hidden
            values={{
              type: params.type,
              queue: params.queue,
              limit: params.limit === undefined ? undefined : String(params.limit),
              budget: String(params.budget),
              paused: params.paused ? '1' : undefined,
            }}
          />
          <Submit>
            <Play size={15} />
            {`Drain ${atLeast(due, isBound)} due ${due === 1 ? 'job' : 'jobs'}`}
          </Submit>
          <span className="soft">
            for at most {params.budget} s{params.limit === undefined ? '' : `, ${params.limit} jobs`}; runs here, beside
            the ticks
          </span>
        </ActionForm>
      )}
    </div>
  );
}
