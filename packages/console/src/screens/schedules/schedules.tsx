/** Schedules with their next and last fire times, and operators' changes to them. */

import { nextRuns, type ScheduleView } from '@conversure/jobqueue';
import type { ScreenProps } from '../../options.ts';
import { address, one } from '../../ui/address.ts';
import { Done } from '../../ui/done.tsx';
import { Empty, Head } from '../../ui/head.tsx';
import { Link } from '../../ui/link.tsx';
import { Live } from '../../ui/live.tsx';
import { Refused } from '../../ui/refused.tsx';
import { Status } from '../../ui/status.tsx';
import { type Column, DataTable } from '../../ui/table.tsx';
import { Ago, When } from '../../ui/when.tsx';
import { SCHEDULE_ACTIONS, type ScheduleAction } from './actions.ts';
import { SchedulePanel } from './schedule-panel.tsx';

const COLUMNS: readonly Column[] = [
  { id: 'name', title: 'Schedule', heads: true },
  { id: 'line', title: 'Line' },
  { id: 'next', title: 'Next slots' },
  { id: 'last', title: 'Last slot', from: 'wide' },
  { id: 'do', title: '', align: 'right' },
];

export async function Schedules({ setup: { queue, messages }, session: { role }, sent }: ScreenProps) {
  const schedules = await queue.schedules();
  const named = schedules.find(({ name }) => name === one(sent.name));
  const asked = named && role === 'operator' ? actionsOf(named).find((action) => action === one(sent.do)) : undefined;
  return (
    <>
      <Head
        title="Schedules"
        sub="Each slot becomes exactly one job, even if ticks are late or doubled. Pauses and overrides survive deployments."
      >
        <Live everyMs={30_000} />
      </Head>
      <Refused code={sent.refused} at={sent.at} messages={messages} />
      <Done params={sent} messages={messages} />
      {schedules.length === 0 ? (
        <Empty title="No schedules are known">
          Code declares them with <code>defineSchedule</code>; the first drain of a deployment stores them.
        </Empty>
      ) : (
        <DataTable
          label="Schedules"
          columns={COLUMNS}
          rows={schedules.map((schedule) => row(schedule, role === 'operator' ? actionsOf(schedule) : []))}
        />
      )}
      {named && asked && <SchedulePanel schedule={named} action={asked} />}
    </>
  );
}

function actionsOf({ paused, declared, override }: ScheduleView): readonly ScheduleAction[] {
  const may: Readonly<Record<ScheduleAction, boolean>> = {
    run: declared,
    pause: paused === null,
    resume: paused !== null,
    override: declared,
    restore: override !== null,
  };
  return SCHEDULE_ACTIONS.filter((action) => may[action]);
}

const BUTTONS: Readonly<Record<ScheduleAction, string>> = {
  run: 'Run now…',
  pause: 'Pause…',
  resume: 'Resume…',
  override: 'Override…',
  restore: 'Code’s line…',
};

function row(schedule: ScheduleView, actions: readonly ScheduleAction[]) {
  const { name, type, cron, timeZone, override, paused, lastSlot, lastJobId, declared } = schedule;
  return {
    id: name,
    ...(paused && { tone: 'warn' as const }),
    cells: {
      name: (
        <span className="grid min-w-40 gap-0.5">
          <span className="flex flex-wrap items-center gap-2">
            {name}
            {paused && <Status of="paused" />}
            {!declared && <span className="badge text-soft">no longer in the code</span>}
          </span>
          <span className="soft font-normal">
            makes {type}
            {paused && (
              <>
                ; paused <Ago at={paused.since} />
                {paused.reason && `: ${paused.reason}`}
              </>
            )}
          </span>
        </span>
      ),
      line: (
        <span className="grid gap-0.5">
          <span className="mono whitespace-nowrap">{cron}</span>
          <span className="soft">
            {timeZone}
            {override && <span className="badge ml-2 text-later">override</span>}
          </span>
        </span>
      ),
      next: <NextSlots schedule={schedule} />,
      last: (
        <span className="grid gap-0.5">
          <When at={lastSlot} />
          {lastJobId && (
            <Link href={`/jobs/${lastJobId}`} className="link">
              job {lastJobId}
            </Link>
          )}
        </span>
      ),
      do: (
        <span className="flex flex-wrap justify-end gap-2">
          {actions.map((action) => (
            <Link
              key={action}
              href={address('/schedules', { name, do: action })}
              scroll={false}
              className="button small"
              aria-label={`${BUTTONS[action]} ${name}`}
            >
              {BUTTONS[action]}
            </Link>
          ))}
        </span>
      ),
    },
  };
}

function NextSlots({ schedule: { nextSlot, paused, declared, cron, timeZone } }: { schedule: ScheduleView }) {
  if (paused || !declared) return <span className="soft">none</span>;
  if (nextSlot === null) return <span className="soft">the next tick reads the new line</span>;
  const [second] = nextRuns({ cron, timeZone }, { after: nextSlot });
  return (
    <span className="grid gap-0.5">
      <When at={nextSlot} />
      {second && (
        <span className="soft">
          then <When at={second} />
        </span>
      )}
    </span>
  );
}
