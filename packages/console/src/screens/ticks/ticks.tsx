/** The ledger: every drain, why it stopped, what it did, and where ticks are missing or ran on top of each other. */

import type { DrainView } from '@conversure/jobqueue';
import type { ScreenProps } from '../../options.ts';
import { one } from '../../ui/address.ts';
import { Strip } from '../../ui/charts/strip.tsx';
import { Empty, Head } from '../../ui/head.tsx';
import { Link } from '../../ui/link.tsx';
import { Live } from '../../ui/live.tsx';
import { Status } from '../../ui/status.tsx';
import { type Column, DataTable, type TableRow } from '../../ui/table.tsx';
import { When } from '../../ui/when.tsx';
import { count, duration } from '../../ui/words.ts';
import { viewerZone } from '../../ui/zoned.ts';

const PAGE = 60;
/** A tick a minute may come half a minute late before it is worth a look. */
const GAP_MS = 90_000;

const COLUMNS: readonly Column[] = [
  { id: 'began', title: 'Began', heads: true },
  { id: 'source', title: 'Source' },
  { id: 'state', title: 'State' },
  { id: 'why', title: 'Stopped because' },
  { id: 'took', title: 'Took', align: 'right' },
  { id: 'claimed', title: 'Claimed', align: 'right' },
  { id: 'completed', title: 'Completed', align: 'right' },
  { id: 'retried', title: 'Retried', align: 'right', from: 'wide' },
  { id: 'dead', title: 'Dead', align: 'right', from: 'wide' },
  { id: 'trips', title: 'Round trips', align: 'right', from: 'widest' },
  { id: 'notes', title: 'Notes', from: 'wide' },
];

export async function Ticks({ setup: { queue }, sent }: ScreenProps) {
  const before = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(one(sent.before) ?? '') ? one(sent.before) : undefined;
  const [drains, zone] = await Promise.all([queue.drains({ limit: PAGE, ...(before && { before }) }), viewerZone()]);
  const last = drains.length === PAGE ? drains.at(-1) : undefined;
  return (
    <>
      <Head title="Ticks" sub="One line per drain: ticks of the platform, kicks behind requests, and operators’ own.">
        {before ? (
          <Link href="/ticks" className="button">
            Newest
          </Link>
        ) : (
          <Live />
        )}
      </Head>
      {drains.length === 0 ? (
        <Empty title={before ? 'Nothing before that' : 'No drain yet'}>
          The platform’s cron has to call the queue’s cron route every minute.{' '}
          <code>npx @conversure/jobqueue doctor</code> checks that.
        </Empty>
      ) : (
        <>
          <Strip
            zone={zone}
            bars={drains.map(({ id, source, startedAt, state, ...drain }) => ({
              id,
              kind: state === 'died' ? 'died' : source === 'kick' ? 'kick' : drain.overlaps > 0 ? 'overlap' : 'tick',
              from: startedAt.getTime(),
              to: endOf({ state, ...drain }),
            }))}
            gaps={drains.flatMap(({ id, source, startedAt, gapMs }) =>
              isGap(source, gapMs) ? [{ id, from: startedAt.getTime() - (gapMs ?? 0), to: startedAt.getTime() }] : [],
            )}
          />
          <DataTable label="Ledger" columns={COLUMNS} rows={drains.map(row)} />
        </>
      )}
      {last && (
        <nav aria-label="Pages of the ledger">
          <Link className="button" href={`/ticks?before=${last.id}`}>
            Older
          </Link>
        </nav>
      )}
    </>
  );
}

function endOf({
  state,
  finishedAt,
  lastExchangeAt,
}: Pick<DrainView, 'state' | 'finishedAt' | 'lastExchangeAt'>): number {
  return (finishedAt ?? (state === 'died' ? lastExchangeAt : new Date())).getTime();
}

/** Kicks and operators come when they come; what the clock sends should come by the clock. */
function isGap(source: string, gapMs: number | null): boolean {
  return source !== 'kick' && source !== 'operator' && gapMs !== null && gapMs > GAP_MS;
}

function row(drain: DrainView): TableRow {
  const { id, source, state, stopReason, startedAt, report, roundTrips, overlaps, gapMs, coldStart } = drain;
  const gap = isGap(source, gapMs);
  const isBad = state === 'died' || stopReason === 'database_unreachable' || stopReason === 'unresponsive';
  return {
    id,
    ...(isBad ? { tone: 'bad' as const } : gap || overlaps > 0 ? { tone: 'warn' as const } : {}),
    cells: {
      began: (
        <Link href={`/ticks/${id}`}>
          <When at={startedAt} />
        </Link>
      ),
      source,
      state: <Status of={state} />,
      why: stopReason?.replaceAll('_', ' ') ?? <span className="soft">–</span>,
      took: duration(endOf(drain) - startedAt.getTime()),
      claimed: count(report.claimed ?? 0),
      completed: count(report.completed ?? 0),
      retried: count(report.retried ?? 0),
      dead: count(report.deadLettered ?? 0),
      trips: count(roundTrips),
      notes: (
        <span className="flex flex-wrap gap-1">
          {report.unconfirmed > 0 && <span className="badge text-bad">{count(report.unconfirmed)} not confirmed</span>}
          {gap && <span className="badge text-warn">gap of {duration(gapMs)}</span>}
          {overlaps > 0 && <span className="badge text-warn">beside {count(overlaps)} other</span>}
          {coldStart && <span className="badge text-soft">cold start</span>}
        </span>
      ),
    },
  };
}
