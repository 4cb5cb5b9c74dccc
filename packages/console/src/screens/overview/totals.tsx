/** The queue in five numbers, over all queues and types. */
import type { Counted, OverviewLane } from '@conversure/jobqueue';
import { atLeast, duration, plural } from '../../ui/words.ts';

interface TotalsProps {
  readonly lanes: readonly OverviewLane[];
  readonly openDrains: number;
  /** Some queues and types are not among `lanes`. */
  readonly isPart: boolean;
}

export function Totals({ lanes, openDrains, isPart }: TotalsProps) {
  // Paused jobs wait on purpose, and have their own place on the page.
  const oldest = lanes
    .filter(({ paused }) => !paused)
    .map(({ oldestDue }) => oldestDue?.getTime() ?? Number.POSITIVE_INFINITY);
  const since = Math.min(...oldest);
  const tiles = [
    ['Ready', shown(sum(lanes, 'ready'), isPart), 'text-ink'],
    ['Running', atLeast(running(lanes), false), 'text-busy', plural(openDrains, 'drain')],
    ['Scheduled', shown(sum(lanes, 'scheduled'), isPart), 'text-later'],
    ['Dead', shown(sum(lanes, 'dead'), isPart), 'text-bad'],
    ['Oldest waits', Number.isFinite(since) ? duration(Date.now() - since) : 'none', 'text-ink', 'without paused jobs'],
  ] as const;
  return (
    <dl className="card grid grid-cols-2 divide-line sm:grid-cols-5 sm:divide-x">
      {tiles.map(([name, value, colour, note]) => (
        <div key={name} className="grid content-start gap-0.5 px-3 py-2.5">
          <dt className="soft text-[0.85rem]">{name}</dt>
          <dd
            className={`font-semibold text-[1.45rem] leading-tight tracking-tight ${value === '0' ? 'text-soft' : colour}`}
          >
            {value}
          </dd>
          {note && <dd className="soft text-[0.85rem]">{note}</dd>}
        </div>
      ))}
    </dl>
  );
}

function sum(lanes: readonly OverviewLane[], of: 'ready' | 'scheduled' | 'dead'): Counted {
  return {
    n: lanes.reduce((total, lane) => total + lane[of].n, 0),
    atLeast: lanes.some((lane) => lane[of].atLeast),
  };
}

function running(lanes: readonly OverviewLane[]): number {
  return lanes.reduce((total, lane) => total + lane.running, 0);
}

function shown({ n, atLeast: isBound }: Counted, isPart: boolean): string {
  return atLeast(n, isBound || isPart);
}
