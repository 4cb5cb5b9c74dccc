/** What an operator needs in an incident: stop the bleeding, see what is broken, drain by hand, and let go again. */

import type { Incident } from '@conversure/jobqueue';
import { database } from '@conversure/jobqueue/postgres';
import type { Metadata } from 'next';
import { pausedConnections } from '@/lib/connections/connection';
import { queue } from '@/lib/queue';
import { requireSession } from '../operator';
import { Refused } from '../refused';
import { one } from '../ui/address';
import { Done } from '../ui/done';
import { Head, Section } from '../ui/head';
import { Live } from '../ui/live';
import { atLeast } from '../ui/words';
import { Breakers } from './breakers';
import { DrainForm } from './drain-form';
import { DrainProgress } from './drain-progress';
import { Incidents, Mutes } from './incidents';
import { MutePanel } from './mute-panel';
import { drainParams, pauseParams } from './params';
import { PausePanel } from './pause-panel';
import { PauseForm, PauseList } from './pauses';

export const metadata: Metadata = { title: 'Incident' };
/** Drains that begin here run behind the answer, in this page's function. */
export const maxDuration = 300;

export default async function IncidentPage({ searchParams }: PageProps<'/incident'>) {
  const { role } = await requireSession();
  const sent = await searchParams;
  const canAct = role === 'operator';
  const params = drainParams(sent);
  const run = one(sent.run);
  const [{ pauses, lanes, leftOut }, limits, connections, incidents, mutes, drains] = await Promise.all([
    queue.overview(),
    queue.rateLimits(),
    pausedConnections(database()),
    queue.incidents(),
    queue.mutes(),
    queue.drains({ limit: 20 }),
  ]);
  const mine = run === undefined ? undefined : drains.find(({ executionId }) => executionId === `console:${run}`);
  const isRunning = run !== undefined && (mine === undefined || mine.state === 'running');
  const types = queue.jobs.map(({ type }) => type);
  const pausable = [...new Set([...types, ...lanes.map((lane) => lane.type)])].sort();
  const target = pauseParams(sent, pausable);
  const isOpen = ({ closedAt }: Incident) => closedAt === null;
  const shown = [...incidents.filter(isOpen), ...incidents.filter((incident) => !isOpen(incident))].slice(0, 10);
  const muted = incidents.find(({ check }) => check === one(sent.mute))?.check;
  const queues = [...new Set(lanes.map((lane) => lane.queue))];
  return (
    <>
      <Head
        title="Incident"
        sub="In this order: stop the bleeding, look, mend, bring back what died, resume. Everything done here stands in the audit log."
      >
        <Live everyMs={isRunning ? 2_000 : 10_000} />
      </Head>
      <Refused code={sent.refused} at={sent.at} />
      <Done params={sent} />
      <Section title="Paused" aside={pauses.length === 0 ? 'nothing' : atLeast(pauses.length, leftOut.pauses)}>
        <PauseList pauses={pauses} canAct={canAct} />
        {canAct && <PauseForm target={target} types={pausable} queues={queues} />}
        {canAct && target.type !== undefined && <PausePanel target={{ ...target, type: target.type }} lanes={lanes} />}
      </Section>
      <Section title="Drain now" aside="look first, then drain">
        {run !== undefined && <DrainProgress run={run} drain={mine} />}
        <DrainForm params={params} types={types} canAct={canAct} />
      </Section>
      <Section title="Breakers" aside="what holds jobs back by itself">
        <Breakers limits={limits} connections={connections} canAct={canAct} />
      </Section>
      <Section title="Incidents" aside="open ones first, ten at most">
        <Mutes mutes={mutes} canAct={canAct} />
        <Incidents incidents={shown} canAct={canAct} />
        {canAct && muted !== undefined && <MutePanel check={muted} subject={one(sent.subject)?.slice(0, 100)} />}
      </Section>
    </>
  );
}
