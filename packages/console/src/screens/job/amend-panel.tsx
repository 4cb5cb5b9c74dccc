/** The question before an amended replay: the payload to edit, with secrets hidden that stay as they are if nobody touches them. */
import { HIDDEN, type JobView } from '@conversure/jobqueue';
import { Refused } from '../../refused';
import { Field, Hidden } from '../../ui/field';
import { Panel } from '../../ui/panel';
import { Submit } from '../../ui/submit';
import { amendJob } from './amend';
import { Draft } from './draft';

interface AmendPanelProps {
  readonly job: JobView;
  readonly shown: unknown;
  readonly back: string;
  /** Why the last try was refused: said inside, for what is outside the question nobody hears. */
  readonly refused: string | string[] | undefined;
  readonly at: string | string[] | undefined;
}

export function AmendPanel({ job, shown, back, refused, at }: AmendPanelProps) {
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
      <form action={amendJob} className="grid gap-3">
        <Refused code={refused} at={at} />
        <Hidden values={{ id: job.id }} />
        <Field name="payload" label="Payload, JSON">
          <Draft job={job.id} text={text} wasRefused={refused !== undefined} />
        </Field>
        <div className="flex justify-end gap-2">
          <a href={back} className="button">
            Leave it
          </a>
          <Submit>Replay 1 job</Submit>
        </div>
      </form>
    </Panel>
  );
}
