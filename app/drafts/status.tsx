/** The state of a draft, with a colour and a shape, and why it waits, in words. */
import type { Icon as IconType } from '@conversure/jobqueue-console/ui';
import type { DraftSummary } from '@/lib/ai';
import { Ban, CircleCheck, CircleDashed, CircleX, Eye, Pencil, ShieldAlert } from '../icons';

const LOOKS: Readonly<Record<string, readonly [icon: IconType, className: string, words: string]>> = {
  drafted: [CircleDashed, 'text-soft', 'ready'],
  review: [Eye, 'text-warn', 'to review'],
  blocked: [ShieldAlert, 'text-bad', 'blocked'],
  failed: [CircleX, 'text-bad', 'not written'],
  approved: [CircleCheck, 'text-good', 'approved'],
  edited: [Pencil, 'text-good', 'edited and sent'],
  rejected: [Ban, 'text-soft', 'rejected'],
};

export function DraftStatus({ of }: { of: DraftSummary['status'] }) {
  const [Icon, className, words] = LOOKS[of] ?? [CircleDashed, 'text-soft', of];
  return (
    <span className={`badge ${className}`}>
      <Icon size={13} />
      {words}
    </span>
  );
}

const REASONS: Readonly<Record<string, string>> = {
  unsafe: 'the checks found something',
  intent_not_allowed: 'the company does not let this intent be answered',
  low_confidence: 'the model is not sure enough',
  too_many_replies_in_a_row: 'too many replies went out in a row by themselves',
  auto_send_off: 'automatic sending was switched off in the meantime',
  ai_off: 'the AI was switched off meanwhile',
  human_took_over: 'a person took over meanwhile',
  window_closed: 'the 24 hours to answer were over',
  opted_out: 'the customer opted out meanwhile',
  conversation_moved_on: 'somebody wrote meanwhile',
  truncated: 'the model’s answer did not fit its limit twice',
  unparsable: 'the model’s answer could not be read twice',
  too_long: 'the conversation is longer than the model takes',
  too_many_calls: 'the model was asked too often',
};

/** Reasons that hold a provider's words are shown as they are. */
export function whyItWaits({ reason }: Pick<DraftSummary, 'reason'>): string {
  if (reason === null) return 'the company wants a person to look';
  return Object.hasOwn(REASONS, reason) ? (REASONS[reason] ?? reason) : reason;
}
