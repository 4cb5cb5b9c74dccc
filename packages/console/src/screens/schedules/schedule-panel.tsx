/** The question before a schedule is touched. */

import type { ScheduleView } from '@conversure/jobqueue';
import { ActionForm } from '../../ui/action-form.tsx';
import { Field, Hidden, Reason } from '../../ui/field.tsx';
import { Link } from '../../ui/link.tsx';
import { Panel } from '../../ui/panel.tsx';
import { Submit } from '../../ui/submit.tsx';
import type { ScheduleAction } from './actions.ts';

const WORDS: Readonly<Record<ScheduleAction, readonly [title: string, button: string, effect: string]>> = {
  run: ['Run now', 'Run 1 job now', 'Enqueues one additional job, even if the schedule is paused.'],
  pause: [
    'Pause',
    'Pause',
    'No slot fires until it is resumed. Slots in the meantime are missed; the schedule’s misfire policy decides about them.',
  ],
  resume: ['Resume', 'Resume', 'Its slots fire again. Slots during the pause are missed.'],
  override: [
    'Override the line',
    'Override',
    'It replaces the code’s line from now on and survives deployments. A field left empty keeps the code’s value.',
  ],
  restore: ['Back to the code’s line', 'Remove the override', 'The line in the code applies again.'],
};

export function SchedulePanel({ schedule, action }: { schedule: ScheduleView; action: ScheduleAction }) {
  const [title, button, effect] = WORDS[action];
  return (
    <Panel title={`${title}: ${schedule.name}`} back="/schedules" description={<p>{effect}</p>}>
      <ActionForm run="change-schedule" className="grid gap-3">
        <Hidden values={{ name: schedule.name, do: action }} />
        {action === 'override' && (
          <div className="grid grid-cols-2 gap-3">
            <Field name="cron" label="Cron line">
              <input
                id="field-cron"
                name="cron"
                className="mono"
                maxLength={200}
                defaultValue={schedule.override?.cron ?? ''}
                placeholder={schedule.cron}
              />
            </Field>
            <Field name="timeZone" label="Time zone">
              <input
                id="field-timeZone"
                name="timeZone"
                maxLength={100}
                defaultValue={schedule.override?.timeZone ?? ''}
                placeholder={schedule.timeZone}
              />
            </Field>
          </div>
        )}
        <Reason required={action === 'pause' || action === 'override'} />
        <div className="flex justify-end gap-2">
          <Link href="/schedules" className="button">
            Leave it
          </Link>
          <Submit>{button}</Submit>
        </div>
      </ActionForm>
    </Panel>
  );
}
