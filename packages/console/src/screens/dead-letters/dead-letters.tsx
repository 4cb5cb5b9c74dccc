/** Dead letters by type and what went wrong, the replays that bring them back, and how those go. */

import type { DeadGroup } from '@conversure/jobqueue';
import type { ScreenProps } from '../../options.ts';
import { address, one } from '../../ui/address.ts';
import { Done } from '../../ui/done.tsx';
import { Empty, Head, Section } from '../../ui/head.tsx';
import { Link } from '../../ui/link.tsx';
import { Live } from '../../ui/live.tsx';
import { Refused } from '../../ui/refused.tsx';
import { type Column, DataTable } from '../../ui/table.tsx';
import { Ago } from '../../ui/when.tsx';
import { atLeast } from '../../ui/words.ts';
import { ReplayPanel } from './replay-panel.tsx';
import { ThrottledReplays } from './throttled-replays.tsx';

const COLUMNS: readonly Column[] = [
  { id: 'error', title: 'Error', heads: true },
  { id: 'type', title: 'Type', sorts: true, from: 'wide' },
  { id: 'total', title: 'Jobs', align: 'right', sorts: true },
  { id: 'first', title: 'First', from: 'wide', sorts: true },
  { id: 'last', title: 'Last', from: 'wide', sorts: true },
  { id: 'do', title: '', align: 'right' },
];

export async function DeadLetters({ setup: { queue, messages }, session: { role }, sent }: ScreenProps) {
  const type = queue.jobs.find((job) => job.type === one(sent.type))?.type;
  const [{ groups, total, more }, replays] = await Promise.all([
    queue.deadGroups(type ? { type } : {}),
    queue.replays(),
  ]);
  const back = address('/dead-letters', { type });
  const meant = one(sent.group);
  const first = groups.filter(({ fingerprint }) => fingerprint === meant);
  const asked = role === 'operator' ? groups.find((group) => keyOf(group) === one(sent.replay)) : undefined;
  return (
    <>
      <Head
        title="Dead letters"
        sub={`${atLeast(total.n, total.atLeast)} ${total.n === 1 ? 'dead letter' : 'dead letters'} by type and last error${more ? ': the largest groups, and those with the latest dead letters' : ''}. «#» stands for what differs from job to job.`}
      >
        <Live everyMs={replays.some(({ state }) => state === 'running') ? 5_000 : 15_000} />
        {type && (
          <Link href="/dead-letters" className="button">
            All types
          </Link>
        )}
      </Head>
      <Refused code={sent.refused} at={sent.at} messages={messages} />
      <Done params={sent} messages={messages} />
      {groups.length === 0 ? (
        <Empty title="No dead letters">No job{type ? ` of ${type}` : ''} has run out of attempts.</Empty>
      ) : (
        <DataTable
          label="Groups of dead letters"
          columns={COLUMNS}
          rows={[...first, ...groups.filter((group) => !first.includes(group))].map((group) => ({
            ...row(group, back, role === 'operator'),
            ...(first.includes(group) && { tone: 'bad' as const }),
          }))}
        />
      )}
      <Section title="Throttled replays" aside="the newest 20">
        <ThrottledReplays replays={replays.slice(0, 20)} canStop={role === 'operator'} />
      </Section>
      {asked && <ReplayPanel queue={queue} group={asked} back={back} />}
    </>
  );
}

/** Two types may fail alike. */
function keyOf({ type, fingerprint }: DeadGroup): string {
  return `${type} ${fingerprint}`;
}

function row(group: DeadGroup, back: string, canReplay: boolean) {
  const { type, fingerprint, errorName, errorCode, shape, total, firstAt, lastAt, sampleId } = group;
  const replay = `${back}${back.includes('?') ? '&' : '?'}${new URLSearchParams({ replay: keyOf(group) })}`;
  return {
    id: keyOf(group),
    cells: {
      error: (
        <span className="block min-w-40 max-w-[72ch] break-words font-normal">
          <strong className="text-bad">{errorName ?? 'No error kept'}</strong>
          {errorCode && <span className="mono soft"> {errorCode}</span>}
          <span className="soft md:hidden"> in {type}</span>
          {shape && <span className="block">{shape}</span>}
        </span>
      ),
      type,
      total: (
        <Link href={address('/jobs', { status: 'DEAD_LETTER', type, fingerprint })} className="link">
          {atLeast(total.n, total.atLeast)}
        </Link>
      ),
      first: <Ago at={firstAt} />,
      last: <Ago at={lastAt} />,
      do: (
        <span className="flex gap-2 xl:justify-end">
          <Link
            href={`/jobs/${sampleId}`}
            className="button small"
            aria-label={`The latest of ${type}, ${shape ?? ''}`}
          >
            Latest
          </Link>
          {canReplay && (
            <Link href={replay} scroll={false} className="button small" aria-label={`Replay ${type}, ${shape ?? ''}`}>
              Replay…
            </Link>
          )}
        </span>
      ),
    },
    by: { type, total: total.n, first: firstAt.getTime(), last: lastAt.getTime() },
  };
}
