/** The frame shared by all charts: two axes over time. Rendered on the server, and again in the browser when it is resized. */
'use client';

import { AxisBottom, AxisLeft } from '@visx/axis';
import { scaleLinear, scaleTime } from '@visx/scale';
import type { ReactNode } from 'react';

/** Units of the drawing; the browser scales it to the width there is. A label has room left of the axis, and half of one right of its end. */
export const SIZE = { width: 400, height: 150, left: 66, right: 18, top: 8, bottom: 22 } as const;

export interface Scales {
  x(at: number): number;
  y(value: number): number;
}

interface FrameProps {
  readonly title: string;
  /** One sentence that tells the chart's content to people who do not see it. */
  readonly summary: string;
  readonly from: number;
  readonly to: number;
  readonly most: number;
  /** The unit of the axis, such as the ms of a minute: its marks are round numbers of that. Default 1. */
  readonly per?: number;
  readonly zone: string;
  readonly unit: (value: number) => string;
  readonly legend: readonly (readonly [name: string, className: string])[];
  readonly children: (scales: Scales) => ReactNode;
}

export function Frame({ title, summary, from, to, most, per = 1, zone, unit, legend, children }: FrameProps) {
  const { width, height, left, right, top, bottom } = SIZE;
  const x = scaleTime({ domain: [from, to], range: [left, width - right] });
  const y = scaleLinear({ domain: [0, Math.max(most, 1) / per], range: [height - bottom, top], nice: 4 });
  const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: zone });
  return (
    <figure className="card grid grid-cols-[minmax(0,1fr)] gap-1 p-3">
      <figcaption className="flex flex-wrap items-baseline justify-between gap-x-3">
        <h3>{title}</h3>
        <span className="flex flex-wrap gap-x-3 text-[0.85rem]">
          {legend.map(([name, className]) => (
            <span key={name} className="soft inline-flex items-center gap-1">
              <svg width="10" height="10" aria-hidden className={className}>
                <rect width="10" height="10" rx="2" fill="currentColor" />
              </svg>
              {name}
            </span>
          ))}
        </span>
      </figcaption>
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={`${title}. ${summary}`} className="h-auto w-full">
        {y.ticks(4).map((value) => (
          <line
            key={value}
            x1={left}
            x2={width - right}
            y1={y(value)}
            y2={y(value)}
            className="stroke-line"
            strokeWidth={1}
          />
        ))}
        {children({ x: (at) => x(at), y: (value) => y(value / per) })}
        <AxisLeft
          scale={y}
          left={left}
          numTicks={4}
          hideAxisLine
          hideTicks
          tickFormat={(value) => unit(Number(value) * per)}
          tickComponent={({ x: tickX, y: tickY, formattedValue }) => (
            <text x={tickX + 2} y={tickY} dy="0.32em" textAnchor="end" className="fill-soft text-[10px]">
              {formattedValue}
            </text>
          )}
        />
        <AxisBottom
          scale={x}
          top={height - bottom}
          numTicks={5}
          hideTicks
          axisLineClassName="stroke-edge"
          stroke="currentColor"
          tickFormat={(value) => clock.format(value instanceof Date ? value : new Date(Number(value)))}
          tickComponent={({ x: tickX, y: tickY, formattedValue }) => (
            <text x={tickX} y={tickY + 2} textAnchor="middle" className="fill-soft text-[10px]">
              {formattedValue}
            </text>
          )}
        />
      </svg>
    </figure>
  );
}
