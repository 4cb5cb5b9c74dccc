/** The question before an amended replay: the payload to edit, with secrets hidden that stay as they are if nobody touches them. */

import { HIDDEN, type JobView } from '@conversure/jobqueue';
import { ActionForm } from '../../ui/action-form.tsx';
import { Field, Hidden } from '../../ui/field.tsx';
import { Link } from '../../ui/link.tsx';
import type { Messages } from '../../ui/messages.ts';
import { Panel } from '../../ui/panel.tsx';
import { Refused } from '../../ui/refused.tsx';
import { Submit } from '../../ui/submit.tsx';
import { Draft } from './draft.tsx';

interface AmendPanelProps {
  readonly job: JobView;
  readonly shown: unknown;
  readonly back: string;
  /** The reason why the last attempt was refused. Shown inside the dialog, because a screen reader does not read text outside it. */
  readonly refused: string | string[] | undefined;
  readonly at: string | string[] | undefined;
  readonly messages: Messages;
}

export function AmendPanel({ job, shown, back, refused, at, messages }: AmendPanelProps) {
  const text = JSON.stringify(shown, null, 2);
  const isHidden = text.includes(HIDDEN);
  return (
    <Panel
      title={`Edit and replay job ${job.id}`}
      back={back}
      description={
        <p>
          One job: its payload is checked by the schema of {job.type}, then it is live again under its id, with its
          attempts counted anew, due at once or, if it was cancelled before its time, then.{' '}
          {isHidden && `What shows as ${HIDDEN} stays as it is.`}
        </p>
      }
    >
      <ActionForm run="amend-job" className="grid gap-3">
        <Refused code={refused} at={at} messages={messages} />
        <Hidden values={{ id: job.id }} />
        <Field name="payload" label="Payload, JSON">
          <Draft job={job.id} text={text} wasRefused={refused !== undefined} />
        </Field>
        <div className="flex justify-end gap-2">
          <Link href={back} className="button">
            Leave it
          </Link>
          <Submit>Replay 1 job</Submit>
        </div>
      </ActionForm>
    </Panel>
  );
}
