/** The last ticks in brief: whether they come, how long they work, and why they stop. */

import type { Overview } from '@conversure/jobqueue';
import Link from 'next/link';
import { Empty } from '../ui/head';
import { Status } from '../ui/status';
import { type Column, DataTable } from '../ui/table';
import { count, duration } from '../ui/words';
import { Ago } from '../when';

const COLUMNS: readonly Column[] = [
  { id: 'began', title: 'Began', heads: true },
  { id: 'state', title: 'State' },
  { id: 'why', title: 'Stopped because' },
  { id: 'took', title: 'Took', align: 'right' },
  { id: 'claimed', title: 'Claimed', align: 'right' },
  { id: 'completed', title: 'Completed', align: 'right' },
  { id: 'dead', title: 'Dead', align: 'right', from: 'wide' },
  { id: 'source', title: 'Source', from: 'wide' },
];

export function LastTicks({ ticks }: { ticks: Overview['ticks'] }) {
  if (ticks.length === 0)
    return (
      <Empty title="No tick yet">
        The platform's cron has to call <code>GET /api/cron/drain</code> with <code>CRON_SECRET</code>, every minute.
        docs/deploy.md says how; <code>npm run dev</code> does it by itself.
      </Empty>
    );
  const rows = ticks.map((tick) => ({
    id: tick.id,
    cells: {
      began: (
        <Link href={`/ticks/${tick.id}`}>
          <Ago at={tick.startedAt} />
        </Link>
      ),
      state: <Status of={tick.state} />,
      why: tick.stopReason ?? <span className="soft">–</span>,
      took: duration((tick.state === 'running' ? Date.now() : tick.endedAt.getTime()) - tick.startedAt.getTime()),
      claimed: count(tick.report.claimed ?? 0),
      completed: count(tick.report.completed ?? 0),
      dead: count(tick.report.deadLettered ?? 0),
      source: tick.source,
    },
  }));
  return <DataTable label="Last ticks" columns={COLUMNS} rows={rows} />;
}
