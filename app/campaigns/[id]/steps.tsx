/** The actions that a campaign allows now. Each but resuming asks for confirmation first, and shows the numbers. */
import { plural } from '@conversure/jobqueue-console/ui';
import Link from 'next/link';
import type { CampaignReport, CampaignSummary } from '@/lib/campaigns';

export interface Step {
  readonly step: 'pause' | 'resume' | 'cancel' | 'retry-unconfirmed';
  readonly label: string;
  /** The consequences, shown before the action. */
  readonly means: string;
  readonly tone: 'primary' | 'danger';
}

export function stepsOf({ status, report }: CampaignSummary & { readonly report: CampaignReport }): readonly Step[] {
  const waiting = report.pending + report.deferred.total;
  const people = plural(waiting, 'person', 'people');
  const pause: Step = {
    step: 'pause',
    label: 'Pause',
    means: `No more people are claimed: ${people} wait until the campaign is resumed. Messages that are being sent are finished.`,
    tone: 'primary',
  };
  const resume: Step = {
    step: 'resume',
    label: 'Go on',
    means: `${waiting > 0 ? `${people} are written to as their time comes.` : 'Its people are planned, then written to.'} Failures so far are forgiven.`,
    tone: 'primary',
  };
  const cancel: Step = {
    step: 'cancel',
    label: 'Cancel',
    means: `This is final: ${people} who wait are skipped. Messages that were sent stay sent.`,
    tone: 'danger',
  };
  const retry: Step = {
    step: 'retry-unconfirmed',
    label: 'Send the unconfirmed again',
    means: `${plural(report.unconfirmed, 'person', 'people')} may or may not have got the message. If it is sent again, some of them get it twice.`,
    tone: 'danger',
  };
  const again = report.unconfirmed > 0 ? [retry] : [];
  switch (status) {
    case 'draft':
      return [resume, cancel];
    case 'planning':
      return [pause, cancel];
    case 'running':
      return [pause, cancel, ...again];
    case 'paused':
      return [resume, cancel];
    case 'settling':
    case 'completed':
      return again;
    default:
      return [];
  }
}

export function Steps({ id, steps }: { id: string; steps: readonly Step[] }) {
  return steps.map(({ step, label }) => (
    <Link key={step} href={`/campaigns/${id}?do=${step}`} scroll={false} className="button">
      {label}…
    </Link>
  ));
}
