/** The three charts of the overview: what ended, how long jobs waited, how long they ran. */
'use client';

import { scaleLinear, scaleOrdinal, scaleTime } from '@visx/scale';
import { BarStack, LinePath } from '@visx/shape';
import { count, duration } from '../words.ts';
import { Frame, SIZE } from './frame.tsx';

/** One minute, over all types. */
export interface Minute {
  readonly at: number;
  readonly completed: number;
  readonly failed: number;
  readonly dead: number;
}

export interface Spread {
  readonly at: number;
  readonly p50: number | null;
  readonly p95: number | null;
}

interface Span {
  readonly from: number;
  readonly to: number;
  readonly zone: string;
}

const KINDS = ['completed', 'failed', 'dead'] as const;
const COLOURS = { completed: 'text-good', failed: 'text-warn', dead: 'text-bad' } as const;
const MINUTE_MS = 60_000;
/** A minute and a half is a round number of minutes, not of milliseconds. */
const UNITS_MS = [24 * 60 * MINUTE_MS, 60 * MINUTE_MS, MINUTE_MS, 1_000] as const;

export function Throughput({ minutes, ...span }: Span & { minutes: readonly Minute[] }) {
  const most = Math.max(...minutes.map(({ completed, failed, dead }) => completed + failed + dead), 1);
  const sum = (kind: (typeof KINDS)[number]) => minutes.reduce((total, minute) => total + minute[kind], 0);
  const { left, right, width } = SIZE;
  const bar = Math.max(1, ((width - left - right) * MINUTE_MS) / (span.to - span.from) - 1);
  return (
    <Frame
      {...span}
      title="Throughput, per minute"
      summary={`In the last hour ${count(sum('completed'))} completed, ${count(sum('failed'))} attempts failed, ${count(sum('dead'))} became dead letters.`}
      most={most}
      unit={count}
      legend={[
        ['completed', COLOURS.completed],
        ['failed, tried again', COLOURS.failed],
        ['dead', COLOURS.dead],
      ]}
    >
      {({ x, y }) => (
        <BarStack
          data={[...minutes]}
          keys={[...KINDS]}
          x={(minute) => minute.at}
          xScale={Object.assign(scaleTime({ domain: [span.from, span.to], range: [left, width - right] }), {
            bandwidth: () => bar,
          })}
          yScale={scaleLinear({ domain: [0, 1], range: [y(0), y(1)] })}
          color={scaleOrdinal({ domain: [...KINDS], range: KINDS.map((kind) => COLOURS[kind]) })}
        >
          {(stacks) =>
            stacks.map((stack) =>
              stack.bars
                .filter(({ height }) => height > 0)
                .map(({ index, height, y: top, bar: { data } }) => (
                  <rect
                    key={`${stack.key} ${index}`}
                    x={x(data.at)}
                    y={top}
                    width={bar}
                    height={height}
                    fill="currentColor"
                    className={COLOURS[stack.key as keyof typeof COLOURS]}
                  >
                    <title>{`${count(data[stack.key as keyof typeof COLOURS])} ${stack.key}`}</title>
                  </rect>
                )),
            )
          }
        </BarStack>
      )}
    </Frame>
  );
}

export function Durations({ title, spreads, ...span }: Span & { title: string; spreads: readonly Spread[] }) {
  const most = Math.max(...spreads.map(({ p95 }) => p95 ?? 0), 1);
  const latest = spreads.findLast(({ p95 }) => p95 !== null);
  const summary = latest
    ? `Most recently half took up to ${duration(latest.p50)}, 95 of 100 up to ${duration(latest.p95)}.`
    : 'Nothing ran in the last hour.';
  return (
    <Frame
      {...span}
      title={title}
      summary={summary}
      most={most}
      per={UNITS_MS.find((ms) => most >= ms) ?? 1}
      unit={duration}
      legend={[
        ['median', 'text-busy'],
        ['95th percentile', 'text-later'],
      ]}
    >
      {({ x, y }) =>
        (['p95', 'p50'] as const).map((percentile) => (
          <LinePath
            key={percentile}
            data={[...spreads]}
            x={({ at }) => x(at + MINUTE_MS / 2)}
            y={(spread) => y(spread[percentile] ?? 0)}
            defined={(spread) => spread[percentile] !== null}
            className={percentile === 'p50' ? 'stroke-busy' : 'stroke-later'}
            strokeWidth={1.6}
            strokeLinecap="round"
            fill="none"
          />
        ))
      }
    </Frame>
  );
}
