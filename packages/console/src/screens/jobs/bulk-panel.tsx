/** The question before a bulk action: how many jobs it means, counted now, and what it will do to them. */

import type { Counted, ReplayPreview } from '@conversure/jobqueue';
import type { ConsoleQueue } from '../../options.ts';
import { ActionForm } from '../../ui/action-form.tsx';
import { address } from '../../ui/address.ts';
import { Field, Hidden, Reason } from '../../ui/field.tsx';
import { Link } from '../../ui/link.tsx';
import { Panel } from '../../ui/panel.tsx';
import { Submit } from '../../ui/submit.tsx';
import { When } from '../../ui/when.tsx';
import { atLeast, plural } from '../../ui/words.ts';
import { addressOf, type BulkAction, deadFilter, type JobParams, liveFilter } from './query.ts';

const WORDS: Readonly<Record<BulkAction, readonly [title: string, button: string, effect: string]>> = {
  cancel: [
    'Cancel jobs',
    'Cancel',
    'They become CANCELLED at once. The signals of running handlers fire within two seconds. Their idempotency keys are free again.',
  ],
  reschedule: [
    'Reschedule jobs',
    'Reschedule',
    'They get a new due time. Jobs that a drain holds are skipped, and so are parents that wait for children unless you chose them.',
  ],
  set_priority: ['Change the priority', 'Change', 'Jobs that a drain holds are skipped.'],
  replay: [
    'Replay jobs',
    'Replay',
    'They become live again with their ids, due at once and with all attempts. If another job holds the key of one, that one is refused.',
  ],
};

interface BulkPanelProps {
  readonly queue: ConsoleQueue;
  readonly action: BulkAction;
  readonly params: JobParams;
  readonly zone: string;
  readonly back?: string;
}

export async function BulkPanel(props: BulkPanelProps) {
  const { action, params, back = address('/jobs', addressOf(params)) } = props;
  const meant = await countOf(props);
  const [title, button, effect] = WORDS[action];
  if (meant === null || meant.n === 0)
    return (
      <Panel
        title={title}
        back={back}
        description={
          meant === null
            ? 'Choose jobs in the table, or narrow the filter by type or queue first. A search or a creation time cannot select jobs for an action.'
            : 'No job matches any more. The jobs may have run in the meantime.'
        }
      >
        <Link href={back} className="button justify-self-end">
          Back
        </Link>
      </Panel>
    );
  const jobs = meant.n === 1 && !meant.atLeast ? 'job' : 'jobs';
  return (
    <Panel
      title={title}
      back={back}
      description={
        <>
          <p>
            This means <strong>{`${atLeast(meant.n, meant.atLeast)} ${jobs}`}</strong>: {described(params)}.
          </p>
          <p className="soft">{effect}</p>
        </>
      }
    >
      <ActionForm run="change-jobs" className="grid gap-3">
        <Hidden values={{ ...addressOf(params), ids: params.ids.join(',') || undefined, do: action, back }} />
        <Options action={action} later={meant.later ?? null} />
        <div className="flex justify-end gap-2">
          <Link href={back} className="button">
            Keep them
          </Link>
          <Submit tone={action === 'cancel' ? 'danger' : 'primary'}>
            {`${button} ${atLeast(meant.n, meant.atLeast)} ${jobs}`}
          </Submit>
        </div>
      </ActionForm>
    </Panel>
  );
}

/** The number of jobs; of a replay also those whose time is still to come. */
type Meant = Counted & { readonly later?: ReplayPreview['later'] };

async function countOf({ queue, action, params, zone }: BulkPanelProps): Promise<Meant | null> {
  if (action === 'replay') {
    const filter = deadFilter(params, zone);
    if (filter === null) return null;
    const statuses = params.status === 'CANCELLED' ? (['CANCELLED'] as const) : (['DEAD_LETTER', 'CANCELLED'] as const);
    const { total, atLeast, later } = await queue.previewReplay(filter, { statuses });
    return { n: total, atLeast, later };
  }
  const filter = liveFilter(params, zone);
  return filter === null ? null : queue.countJobs(filter);
}

function described({ ids, status, type, queue: line, fingerprint, from, until }: JobParams): string {
  if (ids.length > 0) return ids.length === 1 ? `job ${ids[0]}` : `the ${ids.length} that you chose, those still there`;
  const parts = [
    status ?? 'pending and running',
    type && `type ${type}`,
    line && `queue ${line}`,
    fingerprint && 'one group',
    from && `due from ${from}`,
    until && `due before ${until}`,
  ];
  return parts.filter(Boolean).join(', ');
}

function Options({ action, later }: { action: BulkAction; later: ReplayPreview['later'] }) {
  switch (action) {
    case 'cancel':
      return <Reason />;
    case 'set_priority':
      return (
        <Field name="priority" label="Priority, 0 to 10" hint="Higher is more urgent; the default is 0.">
          <input id="field-priority" name="priority" type="number" min={0} max={10} defaultValue={5} required />
        </Field>
      );
    case 'reschedule':
      return (
        <fieldset className="grid gap-2">
          <legend className="soft text-[0.88rem]">Due</legend>
          <label>
            <input type="radio" name="in" value="now" defaultChecked /> now
          </label>
          <label className="flex flex-wrap items-center gap-2">
            <span>
              <input type="radio" name="in" value="later" /> at
            </span>
            <input type="datetime-local" name="to" aria-label="Due at, in your time zone" />
          </label>
        </fieldset>
      );
    case 'replay':
      return (
        later && (
          <fieldset className="grid gap-2">
            <legend className="soft text-[0.88rem]">
              {plural(later.total, 'job')} cancelled before {later.total === 1 ? 'its' : 'their'} time
            </legend>
            <label>
              <input type="radio" name="due" value="planned" defaultChecked /> at that time: <When at={later.firstAt} />
              {later.total > 1 && (
                <>
                  {' to '}
                  <When at={later.lastAt} />
                </>
              )}
            </label>
            <label>
              <input type="radio" name="due" value="now" /> now
            </label>
          </fieldset>
        )
      );
  }
}
