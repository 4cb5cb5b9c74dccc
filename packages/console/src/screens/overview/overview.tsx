/** The overview: whether the queue is well, what waits where, what it got done in the last hour, and whether the ticks come. */

import type { ScreenProps } from '../../options.ts';
import { Head, Section } from '../../ui/head.tsx';
import { Link } from '../../ui/link.tsx';
import { Live } from '../../ui/live.tsx';
import { Refused } from '../../ui/refused.tsx';
import { viewerZone } from '../../ui/zoned.ts';
import { Charts } from './charts.tsx';
import { Lanes } from './lanes.tsx';
import { LastTicks } from './last-ticks.tsx';
import { OtherEnvironment } from './other-environment.tsx';
import { Pauses } from './pauses.tsx';
import { Totals } from './totals.tsx';
import { Verdict } from './verdict.tsx';

export async function Overview({ setup: { queue, messages, overview: Own }, session, sent }: ScreenProps) {
  // Four statements, at once: docs/console.md says what they cost.
  const [health, overview, stats, zone] = await Promise.all([
    queue.health(),
    queue.overview(),
    queue.stats({ by: 'minute', together: true }),
    viewerZone(),
  ]);
  return (
    <>
      <Head title="Overview">
        <Live />
      </Head>
      <Refused code={sent.refused} messages={messages} />
      <OtherEnvironment environments={overview.environments} />
      <Verdict health={health} />
      <Pauses pauses={overview.pauses} />
      <Totals
        lanes={overview.lanes}
        openDrains={overview.openDrains}
        isPart={overview.leftOut.lanes > 0 || overview.leftOut.dead}
      />
      <Section title="Queues and types" aside={<Link href="/jobs">All jobs</Link>}>
        <Lanes lanes={overview.lanes} leftOut={overview.leftOut} />
      </Section>
      <Section title="The last hour">
        <Charts stats={stats} zone={zone} />
      </Section>
      <Section title="Last ticks" aside={<Link href="/ticks">The whole ledger</Link>}>
        <LastTicks ticks={overview.ticks} />
      </Section>
      {Own && <Own session={session} searchParams={sent} />}
    </>
  );
}
