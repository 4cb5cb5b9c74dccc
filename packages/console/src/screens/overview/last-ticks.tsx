/** The last ticks in brief: whether they come, how long they work, and why they stop. */

import type { Overview } from '@conversure/jobqueue';
import { Empty } from '../../ui/head.tsx';
import { Link } from '../../ui/link.tsx';
import { Status } from '../../ui/status.tsx';
import { type Column, DataTable } from '../../ui/table.tsx';
import { Ago } from '../../ui/when.tsx';
import { count, duration } from '../../ui/words.ts';

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
        The platform’s cron has to call the queue’s cron route with <code>CRON_SECRET</code>, every minute.{' '}
        <code>npx @conversure/jobqueue doctor</code> checks that.
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
