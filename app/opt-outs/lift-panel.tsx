/** The question before an opt-out is lifted. What the person gave needs a note how they took it back. */
import { Hidden, Panel, Reason, Submit } from '@conversure/jobqueue-console/ui';
import { needsNote, type OptOut } from '@/lib/opt-outs';
import { AreaField, type Kept, KeptRefusal, typed } from '../kept-form';
import { liftOptOut } from './change';
import { SCOPE_WORDS, SOURCE_WORDS } from './query';

const LABELS = { howAsked: 'How the person asked to get messages again', reason: 'Reason' };
/** Meta goes on refusing what we allow again. */
const METAS = ['user_preferences', 'delivery_error'];

export function LiftPanel({ back, optOut, kept }: { back: string; optOut: OptOut; kept: Kept }) {
  const { id, version, companyId, phone, userId, scope, source } = optOut;
  return (
    <Panel
      title={`Lift the opt-out of ${phone ?? userId}`}
      back={back}
      description={
        <>
          <p>
            {companyId} may send {SCOPE_WORDS[scope] ?? scope} to them again. Source: {SOURCE_WORDS[source] ?? source}.
          </p>
          {METAS.includes(source) && (
            <p>
              WhatsApp itself refuses marketing to them until they change that there, so the next message records this
              opt-out again.
            </p>
          )}
          {needsNote(source) && (
            <p>The person opted out. Only they can change that, so record how they asked for it.</p>
          )}
        </>
      }
    >
      <form action={liftOptOut} key={kept?.id} className="grid gap-3">
        <KeptRefusal kept={kept} labels={LABELS} />
        <Hidden values={{ id, version, back }} />
        {needsNote(source) && (
          <AreaField
            name="howAsked"
            label={LABELS.howAsked}
            kept={kept}
            required
            minLength={10}
            maxLength={500}
            placeholder="Called on 1 December from this number and asked for the offers again"
          />
        )}
        <Reason value={typed(kept, 'reason')} />
        <div className="flex flex-wrap justify-end gap-2">
          <a href={back} className="button">
            Leave it
          </a>
          <Submit tone="danger">Lift it</Submit>
        </div>
      </form>
    </Panel>
  );
}
