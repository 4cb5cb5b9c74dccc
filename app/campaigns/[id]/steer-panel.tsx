/** The question before a campaign is steered. */
import { Hidden, Panel, Reason, Submit } from '@conversure/jobqueue-console/ui';
import { steerCampaign } from './steer';
import type { Step } from './steps';

export function SteerPanel({ id, asked: { step, label, means, tone } }: { id: string; asked: Step }) {
  const back = `/campaigns/${id}`;
  return (
    <Panel title={label} back={back} description={<p>{means}</p>}>
      <form action={steerCampaign} className="grid gap-3">
        <Hidden values={{ id, do: step }} />
        <Reason required={tone === 'danger'} />
        <div className="flex flex-wrap justify-end gap-2">
          <a href={back} className="button">
            Leave it
          </a>
          <Submit tone={tone}>{label}</Submit>
        </div>
      </form>
    </Panel>
  );
}
