/** A campaign's status as a badge with a colour and a shape. */
import type { Icon as IconType } from '@conversure/jobqueue-console/ui';
import { Ban, CircleCheck, CircleDashed, CircleX, LoaderCircle, Pause } from '../icons';

const LOOKS: Readonly<Record<string, readonly [icon: IconType, className: string]>> = {
  draft: [CircleDashed, 'text-soft'],
  planning: [LoaderCircle, 'text-busy'],
  running: [LoaderCircle, 'text-busy'],
  settling: [LoaderCircle, 'text-later'],
  paused: [Pause, 'text-warn'],
  completed: [CircleCheck, 'text-good'],
  cancelled: [Ban, 'text-warn'],
  failed: [CircleX, 'text-bad'],
};

export function CampaignStatus({ of }: { of: string }) {
  const [Icon, className] = LOOKS[of] ?? [CircleDashed, 'text-soft'];
  return (
    <span className={`badge ${className}`}>
      <Icon size={13} />
      {of}
    </span>
  );
}
