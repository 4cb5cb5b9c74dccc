/** The head of every page: its name, one line about its content, and actions on all of it. */
import type { ReactNode } from 'react';

/** The heading of a page. `sub` is one line below it; `children` are buttons beside it. */
export function Head({ title, sub, children }: { title: ReactNode; sub?: ReactNode; children?: ReactNode }) {
  return (
    <div className="flex flex-wrap items-start justify-between gap-x-4 gap-y-2">
      <div className="min-w-0">
        <h1>{title}</h1>
        {sub && <div className="soft mt-0.5 max-w-[70ch]">{sub}</div>}
      </div>
      {children && <div className="flex flex-wrap items-center gap-2">{children}</div>}
    </div>
  );
}

/** A part of a page, with its own heading. */
export function Section({ title, aside, children }: { title: ReactNode; aside?: ReactNode; children: ReactNode }) {
  return (
    <section className="grid grid-cols-[minmax(0,1fr)] gap-2">
      <div className="flex flex-wrap items-baseline justify-between gap-x-3">
        <h2>{title}</h2>
        {aside && <div className="soft text-[0.92rem]">{aside}</div>}
      </div>
      {children}
    </section>
  );
}

/** Shown if a list is empty, with the next step. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="card px-4 py-8 text-center">
      <div className="font-medium">{title}</div>
      {children && <div className="soft mx-auto mt-1 max-w-[60ch]">{children}</div>}
    </div>
  );
}

/** Name and value, in columns where there is room. */
export function Facts({ facts }: { facts: readonly (readonly [name: string, value: ReactNode])[] }) {
  return (
    <dl className="card grid grid-cols-2 gap-x-4 gap-y-3 p-3 sm:grid-cols-3 lg:grid-cols-4 xl:grid-cols-6">
      {facts.map(([name, value]) => (
        <div key={name} className="min-w-0">
          <dt className="soft text-[0.85rem]">{name}</dt>
          <dd className="overflow-hidden text-ellipsis">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
