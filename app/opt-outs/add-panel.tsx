/** Writes an opt-out down for somebody who asked a colleague. */
import { Hidden, Panel, Reason, Submit } from '@conversure/jobqueue-console/ui';
import { SCOPES } from '@/lib/opt-outs/request';
import { type Kept, KeptRefusal, SelectField, TextField, typed } from '../kept-form';
import { addOptOut } from './change';
import { SCOPE_WORDS } from './query';

const LABELS = { companyId: 'Company', person: 'Number or WhatsApp user id', scope: 'Refuses', reason: 'Reason' };

export function AddPanel({ back, company, kept }: { back: string; company: string | undefined; kept: Kept }) {
  return (
    <Panel title="Write an opt-out down" back={back} description={<p>They get no messages from now on.</p>}>
      <form action={addOptOut} key={kept?.id} className="grid gap-3">
        <KeptRefusal kept={kept} labels={LABELS} />
        <Hidden values={{ back }} />
        <TextField name="companyId" label={LABELS.companyId} kept={kept} value={company} required maxLength={100} />
        <TextField
          name="person"
          label={LABELS.person}
          kept={kept}
          required
          maxLength={100}
          hint="Without a country code it is read as a number of the company's country."
        />
        <SelectField
          name="scope"
          label={LABELS.scope}
          kept={kept}
          value="all"
          choices={SCOPES.map((scope) => [scope, SCOPE_WORDS[scope] ?? scope] as const)}
        />
        <Reason value={typed(kept, 'reason')} />
        <div className="flex flex-wrap justify-end gap-2">
          <a href={back} className="button">
            Leave it
          </a>
          <Submit>Write it down</Submit>
        </div>
      </form>
    </Panel>
  );
}
