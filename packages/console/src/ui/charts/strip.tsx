/** Drains along time: those that ran on top of each other lie above each other, and where ticks are missing there is a gap with a mark. */
'use client';

import { AxisBottom } from '@visx/axis';
import { scaleTime } from '@visx/scale';
import { duration } from '../words.ts';

interface Bar {
  readonly id: string;
  readonly kind: 'tick' | 'kick' | 'overlap' | 'died';
  readonly from: number;
  readonly to: number;
}

interface StripProps {
  readonly bars: readonly Bar[];
  readonly gaps: readonly { readonly id: string; readonly from: number; readonly to: number }[];
  readonly zone: string;
}

const WIDTH = 1_000;
/** Half a label at either end. */
const SIDE = 18;
const LANE = 12;
/** Deeper overlaps share the last line. */
const MOST_LANES = 5;
const COLOURS = { tick: 'text-busy', kick: 'text-later', overlap: 'text-warn', died: 'text-bad' } as const;
const LEGEND = [
  ['tick', 'tick'],
  ['kick', 'kick'],
  ['overlap', 'overlapping'],
  ['died', 'died'],
] as const;

export function Strip({ bars, gaps, zone }: StripProps) {
  const from = Math.min(...bars.map((bar) => bar.from));
  const to = Math.max(...bars.map((bar) => bar.to), from + 60_000);
  const x = scaleTime({ domain: [from, to], range: [SIDE, WIDTH - SIDE] });
  const placed = lanesOf(bars);
  const lanes = Math.max(...placed.map(({ lane }) => lane)) + 1;
  const height = lanes * LANE + 34;
  const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: zone });
  const summary = `${bars.length} drains, ${gaps.length} gaps, ${bars.filter(({ kind }) => kind === 'overlap').length} that overlapped, ${bars.filter(({ kind }) => kind === 'died').length} that died.`;
  return (
    <figure className="card grid grid-cols-[minmax(0,1fr)] gap-1 p-3">
      <figcaption className="flex flex-wrap items-baseline justify-between gap-x-3">
        <h2>When they ran</h2>
        <span className="flex flex-wrap gap-x-3 text-[0.85rem]">
          {LEGEND.map(([kind, name]) => (
            <span key={kind} className="soft inline-flex items-center gap-1">
              <svg width="10" height="10" aria-hidden className={COLOURS[kind]}>
                <rect width="10" height="10" rx="2" fill="currentColor" />
              </svg>
              {name}
            </span>
          ))}
        </span>
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section aria-label="When drains ran" tabIndex={0} className="max-md:overflow-x-auto">
        <svg
          viewBox={`0 0 ${WIDTH} ${height}`}
          role="img"
          aria-label={`When drains ran. ${summary}`}
          className="h-auto w-full max-md:w-[50rem]"
        >
          {gaps.map((gap) => (
            <rect
              key={gap.id}
              x={x(Math.max(gap.from, from))}
              y={2}
              width={Math.max(x(gap.to) - x(Math.max(gap.from, from)), 2)}
              height={lanes * LANE}
              className="fill-warn/15"
            >
              <title>{`No tick for ${duration(gap.to - gap.from)}`}</title>
            </rect>
          ))}
          {placed.map(({ bar, lane }) => (
            <rect
              key={bar.id}
              x={x(bar.from)}
              y={(lanes - lane - 1) * LANE + 4}
              width={Math.max(x(bar.to) - x(bar.from), 2)}
              height={LANE - 4}
              rx={2}
              fill="currentColor"
              className={COLOURS[bar.kind]}
            >
              <title>{`${bar.kind}, ${clock.format(bar.from)}, ${duration(bar.to - bar.from)}`}</title>
            </rect>
          ))}
          <AxisBottom
            scale={x}
            top={lanes * LANE + 6}
            numTicks={8}
            hideTicks
            axisLineClassName="stroke-edge"
            stroke="currentColor"
            tickFormat={(value) => clock.format(value instanceof Date ? value : new Date(Number(value)))}
            tickComponent={({ x: tickX, y: tickY, formattedValue }) => (
              <text x={tickX} y={tickY + 6} textAnchor="middle" className="fill-soft text-[12px]">
                {formattedValue}
              </text>
            )}
          />
        </svg>
      </section>
    </figure>
  );
}

/** Each bar in the lowest lane that is free when it begins. */
function lanesOf(bars: readonly Bar[]): readonly { readonly bar: Bar; readonly lane: number }[] {
  const ends: number[] = [];
  return bars
    .toSorted((a, b) => a.from - b.from)
    .map((bar) => {
      const free = ends.findIndex((end) => end <= bar.from);
      const lane = Math.min(free === -1 ? ends.length : free, MOST_LANES - 1);
      ends[lane] = bar.to;
      return { bar, lane };
    });
}
