/** The ways to decide one draft. A blocked one, or one without a text, has no button that sends it as it is. */
import { Field, Hidden, Reason, Submit } from '@conversure/jobqueue-console/ui';
import type { DraftView } from '@/lib/ai';
import { TEXT_CHARS } from '@/lib/ai/review';
import { decide } from './decide';

export function Decisions({ draft }: { draft: DraftView }) {
  const { draftId: id, lastInboundId: seenMessageId, edited, draft: text, isBlocked } = draft;
  const sends = { id, decision: 'approve', seenMessageId };
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <form action={decide} className="card grid content-start gap-3 p-3">
        <Hidden values={sends} />
        <Field
          name="text"
          label={text ? 'Your text instead of it' : 'Your text'}
          hint="Checked like a draft before it is sent."
        >
          <textarea
            id="field-text"
            name="text"
            dir="auto"
            rows={6}
            required
            maxLength={TEXT_CHARS}
            defaultValue={edited ?? text ?? ''}
          />
        </Field>
        <div className="flex justify-end">
          <Submit tone={isBlocked ? 'primary' : 'plain'}>Check and send this text</Submit>
        </div>
      </form>
      <div className="grid content-start gap-4">
        {!isBlocked && (
          <form action={decide} className="card grid gap-3 p-3">
            <Hidden values={sends} />
            <p>The draft is sent as it is.</p>
            <div className="flex justify-end">
              <Submit>Approve and send</Submit>
            </div>
          </form>
        )}
        <form action={decide} className="card grid gap-3 p-3">
          <Hidden values={{ id, decision: 'reject' }} />
          <Reason />
          <div className="flex justify-end">
            <Submit tone="danger">Reject: send nothing</Submit>
          </div>
        </form>
      </div>
    </div>
  );
}
