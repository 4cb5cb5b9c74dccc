/** The confirmation before a mute: its target, duration and reason. */

import { ActionForm } from '../../ui/action-form.tsx';
import { Field, Hidden, Reason } from '../../ui/field.tsx';
import { Link } from '../../ui/link.tsx';
import { Panel } from '../../ui/panel.tsx';
import { Submit } from '../../ui/submit.tsx';

const HOURS = [
  [1, '1 hour'],
  [4, '4 hours'],
  [24, 'a day'],
  [7 * 24, 'a week'],
] as const;

export function MutePanel({ check, subject }: { check: string; subject: string | undefined }) {
  const what = `${check.replaceAll('_', ' ')}${subject === undefined ? '' : ` of ${subject}`}`;
  return (
    <Panel
      title={`Mute ${what}`}
      back="/incident"
      description={
        <p>
          Nobody is alerted until the mute ends. If the check is still red then, the alert is sent then. Incidents are
          recorded all the same.
        </p>
      }
    >
      <ActionForm run="mute" className="grid gap-3">
        <Hidden values={{ check, subject }} />
        <Field name="hours" label="For">
          <select id="field-hours" name="hours" defaultValue={4}>
            {HOURS.map(([hours, name]) => (
              <option key={hours} value={hours}>
                {name}
              </option>
            ))}
          </select>
        </Field>
        <Reason />
        <div className="flex justify-end gap-2">
          <Link href="/incident" className="button">
            Keep the alerts
          </Link>
          <Submit>Mute</Submit>
        </div>
      </ActionForm>
    </Panel>
  );
}
