/** Statuses and states, each with a colour and a shape, because some people cannot tell colours apart. */

import type { Status as JobStatus } from '@conversure/jobqueue';
import {
  Ban,
  CircleCheck,
  CircleDashed,
  CircleX,
  Clock,
  type Icon as IconType,
  LoaderCircle,
  Pause,
  Skull,
} from './icons.tsx';

const LOOKS: Readonly<Record<string, readonly [icon: IconType, className: string, words?: string]>> = {
  PENDING: [CircleDashed, 'text-soft'],
  PROCESSING: [LoaderCircle, 'text-busy'],
  COMPLETED: [CircleCheck, 'text-good'],
  DEAD_LETTER: [CircleX, 'text-bad'],
  CANCELLED: [Ban, 'text-warn'],
  running: [LoaderCircle, 'text-busy'],
  finished: [CircleCheck, 'text-good'],
  died: [Skull, 'text-bad'],
  stopped: [Ban, 'text-warn'],
  paused: [Pause, 'text-warn'],
  scheduled: [Clock, 'text-later'],
};

/** The status of a job, a drain or a schedule as a badge. */
export function Status({
  of,
}: {
  of: JobStatus | 'running' | 'finished' | 'died' | 'stopped' | 'paused' | 'scheduled';
}) {
  const [Icon, className] = LOOKS[of] ?? [CircleDashed, 'text-soft'];
  return (
    <span className={`badge ${className}`}>
      <Icon size={13} />
      {of}
    </span>
  );
}
