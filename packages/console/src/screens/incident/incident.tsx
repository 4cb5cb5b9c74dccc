/** The incident page: pause jobs, find the fault, drain by hand, and resume. */

import type { Incident } from '@conversure/jobqueue';
import type { ScreenProps } from '../../options.ts';
import { one } from '../../ui/address.ts';
import { Done } from '../../ui/done.tsx';
import { Head, Section } from '../../ui/head.tsx';
import { Live } from '../../ui/live.tsx';
import { Refused } from '../../ui/refused.tsx';
import { atLeast } from '../../ui/words.ts';
import { Breakers } from './breakers.tsx';
import { DrainForm } from './drain-form.tsx';
import { DrainProgress } from './drain-progress.tsx';
import { Incidents, Mutes } from './incidents.tsx';
import { MutePanel } from './mute-panel.tsx';
import { drainParams, mostBudgetS, pauseParams } from './params.ts';
import { PausePanel } from './pause-panel.tsx';
import { PauseForm, PauseList } from './pauses.tsx';

export async function IncidentScreen({ setup, session, sent }: ScreenProps) {
  const { queue, messages, incident: Own } = setup;
  const canAct = session.role === 'operator';
  const params = drainParams(setup, sent);
  const run = one(sent.run);
  const [{ pauses, lanes, leftOut }, limits, incidents, mutes, drains] = await Promise.all([
    queue.overview(),
    queue.rateLimits(),
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
        sub="In this order: pause, find the cause, fix it, replay dead letters, resume. The audit log records every action here."
      >
        <Live everyMs={isRunning ? 2_000 : 10_000} />
      </Head>
      <Refused code={sent.refused} at={sent.at} messages={messages} />
      <Done params={sent} messages={messages} />
      <Section title="Paused" aside={pauses.length === 0 ? 'nothing' : atLeast(pauses.length, leftOut.pauses)}>
        <PauseList pauses={pauses} canAct={canAct} />
        {canAct && <PauseForm target={target} types={pausable} queues={queues} />}
        {canAct && target.type !== undefined && (
          <PausePanel queue={queue} target={{ ...target, type: target.type }} lanes={lanes} />
        )}
      </Section>
      <Section title="Drain now" aside="dry run first, then drain">
        {run !== undefined && <DrainProgress run={run} drain={mine} />}
        <DrainForm queue={queue} mostBudgetS={mostBudgetS(setup)} params={params} types={types} canAct={canAct} />
      </Section>
      <Section title="Blocked" aside="rate limits that a remote system closed">
        <Breakers limits={limits} canAct={canAct} />
      </Section>
      {Own && <Own session={session} searchParams={sent} />}
      <Section title="Incidents" aside="open ones first, at most ten">
        <Mutes mutes={mutes} canAct={canAct} />
        <Incidents incidents={shown} canAct={canAct} />
        {canAct && muted !== undefined && <MutePanel check={muted} subject={one(sent.subject)?.slice(0, 100)} />}
      </Section>
    </>
  );
}
