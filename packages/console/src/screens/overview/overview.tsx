/** The overview: whether the queue is well, what waits where, what it got done in the last hour, and whether the ticks come. */
import Link from 'next/link';
import { queue } from '@/lib/queue';
import { requireSession } from './operator';
import { Charts } from './overview/charts';
import { Lanes } from './overview/lanes';
import { LastTicks } from './overview/last-ticks';
import { OtherEnvironment } from './overview/other-environment';
import { Pauses } from './overview/pauses';
import { Totals } from './overview/totals';
import { Try } from './overview/try';
import { Verdict } from './overview/verdict';
import { Refused } from './refused';
import { Head, Section } from './ui/head';
import { Live } from './ui/live';
import { viewerZone } from './ui/zoned';

export default async function Overview({ searchParams }: PageProps<'/'>) {
  const { role } = await requireSession();
  const { refused } = await searchParams;
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
      <Refused code={refused} />
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
      {role === 'operator' && <Try />}
    </>
  );
}
