/** One drain: when it ran, what it did, what it cost, and why it stopped. */

import type { DrainView } from '@conversure/jobqueue';
import { notFound } from 'next/navigation';
import type { ScreenProps } from '../../options.ts';
import { Facts, Head, Section } from '../../ui/head.tsx';
import { Link } from '../../ui/link.tsx';
import { Live } from '../../ui/live.tsx';
import { Status } from '../../ui/status.tsx';
import { When } from '../../ui/when.tsx';
import { count, duration } from '../../ui/words.ts';

const COUNTS = [
  ['Claimed', 'claimed'],
  ['Completed', 'completed'],
  ['Retried', 'retried'],
  ['Dead letters', 'deadLettered'],
  ['Given back', 'givenBack'],
  ['Continued', 'continued'],
  ['Cancelled', 'cancelled'],
  ['Lost', 'lost'],
  ['Not confirmed', 'unconfirmed'],
  ['Rescued', 'rescued'],
  ['Exchanges', 'steps'],
] as const satisfies readonly (readonly [string, keyof DrainView['report']])[];

/** In words for people who did not write the queue. */
const WHY: Readonly<Record<string, string>> = {
  empty: 'No job was due any more.',
  deadline: 'The function’s time was up; it gave unfinished jobs back.',
  limit: 'It had claimed as many jobs as its limit allows.',
  unresponsive: 'Handlers that ignored their signals held every slot.',
  other_environment: 'The database was assigned to another environment in the meantime.',
  stopped: 'It was told to stop by a deployment or its caller.',
  database_unreachable: 'Postgres did not answer; its jobs are claimed again when their leases expire.',
};

export async function Tick({ setup: { queue }, params: { id = '' } }: ScreenProps) {
  const [drain] = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(id) ? await queue.drains({ id }) : [];
  if (drain === undefined) notFound();
  const { source, state, startedAt, finishedAt, lastExchangeAt, deadlineAt, stopReason, report } = drain;
  return (
    <>
      <Head
        title={
          <>
            {source} drain of <When at={startedAt} />
          </>
        }
        sub={<Status of={state} />}
      >
        {state === 'running' && <Live everyMs={2_000} />}
        <Link href="/ticks" className="button">
          All ticks
        </Link>
      </Head>
      <p>
        {stopReason
          ? (WHY[stopReason] ?? stopReason)
          : state === 'died'
            ? 'It died: its deadline has passed, and it recorded no end. Its jobs are rescued when their leases expire.'
            : 'It is under way.'}
      </p>
      <Section title="Outcomes">
        <Facts facts={COUNTS.map(([name, key]) => [name, count(report[key] ?? 0)])} />
      </Section>
      <Section title="Times and cost">
        <Facts
          facts={[
            ['Ended', <When key="ended" at={finishedAt} />],
            ['Last exchange', <When key="exchange" at={lastExchangeAt} />],
            ['Deadline', <When key="deadline" at={deadlineAt} />],
            ['Took', duration((finishedAt ?? lastExchangeAt).getTime() - startedAt.getTime())],
            ['Gap before it', duration(drain.gapMs)],
            ['Concurrent drains', count(drain.overlaps)],
            ['Planned for', <When key="planned" at={drain.scheduledAt} />],
            ['Round trips', count(drain.roundTrips)],
            ['In Postgres', duration(drain.databaseMs)],
            ['With the network', duration(drain.roundTripMs)],
            ['Cold start', drain.coldStart ? 'yes' : 'no'],
            [
              'Execution',
              <span key="execution" className="mono break-all">
                {drain.executionId ?? '–'}
              </span>,
            ],
          ]}
        />
      </Section>
      {report.unhandled?.length > 0 && (
        <p className="soft">Types without a handler in that deployment: {report.unhandled.join(', ')}.</p>
      )}
    </>
  );
}
