/** The confirmation before a group is replayed: its size, some of its jobs, and the choice at once or throttled. */

import type { DeadGroup } from '@conversure/jobqueue';
import type { ConsoleQueue } from '../../options.ts';
import { ActionForm } from '../../ui/action-form.tsx';
import { Field, Hidden } from '../../ui/field.tsx';
import { Link } from '../../ui/link.tsx';
import { Panel } from '../../ui/panel.tsx';
import { Submit } from '../../ui/submit.tsx';
import { atLeast } from '../../ui/words.ts';

interface ReplayPanelProps {
  readonly queue: ConsoleQueue;
  readonly group: DeadGroup;
  readonly back: string;
}

export async function ReplayPanel({ queue, group, back }: ReplayPanelProps) {
  const { type, fingerprint } = group;
  const { jobs: latest } = await queue.listJobs({ status: 'DEAD_LETTER', type, fingerprint }, { limit: 5 });
  const jobs = `${atLeast(group.total.n, group.total.atLeast)} ${group.total.n === 1 ? 'job' : 'jobs'}`;
  return (
    <Panel
      title={`Replay dead letters of ${type}`}
      back={back}
      description={
        <>
          <p>
            This replays <strong>{jobs}</strong> with the same error. They become live again with their ids, due at once
            and with all attempts. If another job holds the idempotency key of one, that one is refused.
          </p>
          <ul className="soft grid gap-0.5">
            {latest.map(({ id, error }) => (
              <li key={id} className="truncate">
                <Link href={`/jobs/${id}`} className="link mono">
                  {id}
                </Link>{' '}
                {error?.message}
              </li>
            ))}
          </ul>
        </>
      }
    >
      <ActionForm run="replay-group" className="grid gap-3">
        <Hidden values={{ type, fingerprint, back }} />
        <fieldset className="grid gap-2">
          <legend className="sr-only">How</legend>
          <label>
            <input type="radio" name="how" value="throttled" defaultChecked /> Throttled: a number a minute, and stop if
            they fail again
          </label>
          <div className="grid grid-cols-3 gap-3 pl-6">
            <Field name="perMinute" label="A minute">
              <input
                id="field-perMinute"
                name="perMinute"
                type="number"
                min={1}
                max={10000}
                defaultValue={60}
                required
              />
            </Field>
            <Field name="percent" label="Stop at % failed">
              <input id="field-percent" name="percent" type="number" min={1} max={100} defaultValue={20} required />
            </Field>
            <Field name="of" label="once this many ended">
              <input id="field-of" name="of" type="number" min={1} max={10000} defaultValue={20} required />
            </Field>
          </div>
          <label>
            <input type="radio" name="how" value="now" /> All at once
          </label>
        </fieldset>
        <Field name="maxJobs" label="Limit, jobs (optional)">
          <input id="field-maxJobs" name="maxJobs" type="number" min={1} max={1000000} placeholder="all of them" />
        </Field>
        <div className="flex justify-end gap-2">
          <Link href={back} className="button">
            Leave them
          </Link>
          <Submit>{`Replay ${jobs}`}</Submit>
        </div>
      </ActionForm>
    </Panel>
  );
}
