/** A campaign's status as a badge with a colour and a shape. */
import { Ban, CircleCheck, CircleDashed, CircleX, LoaderCircle, type LucideIcon, Pause } from 'lucide-react';

const LOOKS: Readonly<Record<string, readonly [icon: LucideIcon, className: string]>> = {
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
      <Icon size={13} aria-hidden />
      {of}
    </span>
  );
}
