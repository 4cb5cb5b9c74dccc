/** Every queue and type: what is ready, scheduled, running and dead, and how long the oldest has waited. */

import type { Counted, Overview, OverviewLane } from '@conversure/jobqueue';
import { Empty } from '../../ui/head.tsx';
import { Link } from '../../ui/link.tsx';
import { Status } from '../../ui/status.tsx';
import { type Column, DataTable, type TableRow } from '../../ui/table.tsx';
import { Ago } from '../../ui/when.tsx';
import { atLeast, count, plural } from '../../ui/words.ts';

const COLUMNS: readonly Column[] = [
  { id: 'type', title: 'Type', heads: true, sorts: true },
  { id: 'queue', title: 'Queue', sorts: true, from: 'wide' },
  { id: 'ready', title: 'Ready', align: 'right', sorts: true },
  { id: 'scheduled', title: 'Scheduled', align: 'right', sorts: true },
  { id: 'running', title: 'Running', align: 'right', sorts: true },
  { id: 'dead', title: 'Dead', align: 'right', sorts: true },
  { id: 'oldest', title: 'Oldest due', align: 'right', sorts: true },
];

export function Lanes({ lanes, leftOut }: Pick<Overview, 'lanes' | 'leftOut'>) {
  if (lanes.length === 0)
    return (
      <Empty title="No live jobs and no dead letters">
        Enqueue one with <code>queue.addJob(…)</code>.
      </Empty>
    );
  return (
    <>
      <DataTable label="Queues and types" columns={COLUMNS} rows={lanes.map(row)} />
      {(leftOut.lanes > 0 || leftOut.dead) && <p className="soft">{missing(leftOut)}</p>}
    </>
  );
}

function missing({ lanes, dead }: Overview['leftOut']): string {
  const live = `${plural(lanes, 'more queue and type', 'more queues and types')} with live jobs, whose first job is due later`;
  const others = [lanes > 0 && live, dead && 'more than 200 queues and types with dead letters'].filter(Boolean);
  return `Not shown: ${others.join('; ')}.`;
}

function row(lane: OverviewLane): TableRow {
  const { queue, type } = lane;
  const of = `queue=${encodeURIComponent(queue)}&type=${encodeURIComponent(type)}`;
  return {
    id: `${queue} ${type}`,
    cells: {
      type: (
        <span className="flex flex-wrap items-center gap-2">
          <Link href={`/jobs?${of}`}>{type}</Link>
          {lane.paused && <Status of="paused" />}
          <span className="soft font-normal md:hidden">{queue}</span>
        </span>
      ),
      queue,
      ready: <Amount of={lane.ready} href={`/jobs?status=PENDING&${of}`} />,
      scheduled: <Amount of={lane.scheduled} href={`/jobs?status=PENDING&${of}`} className="text-later" />,
      running: (
        <Amount of={{ n: lane.running, atLeast: false }} href={`/jobs?status=PROCESSING&${of}`} className="text-busy" />
      ),
      dead: <Amount of={lane.dead} href={`/dead-letters?type=${encodeURIComponent(type)}`} className="text-bad" />,
      oldest: <Ago at={lane.oldestDue} />,
    },
    by: {
      type,
      queue,
      ready: lane.ready.n,
      scheduled: lane.scheduled.n,
      running: lane.running,
      dead: lane.dead.n,
      oldest: lane.oldestDue === null ? 0 : Date.now() - lane.oldestDue.getTime(),
    },
    ...(lane.paused && { tone: 'warn' as const }),
  };
}

function Amount({ of, href, className = '' }: { of: Counted; href: string; className?: string }) {
  if (of.n === 0) return <span className="soft">{count(0)}</span>;
  return (
    <Link href={href} className={`hover:underline ${className}`}>
      {atLeast(of.n, of.atLeast)}
    </Link>
  );
}
