/** `jobqueue schedules`: the list; below it pause, resume, run, override and reset of one. */
import { Argument, Command } from 'commander';
import { UsageError } from '../failure.ts';
import { withTarget } from '../open-target.ts';
import { type Acting, acting, type Common, given, onTarget, text } from '../options.ts';
import { ago, coloured, print, printJson, printTable } from '../output.ts';
import type { Target } from '../target.ts';

export function schedulesCommand(): Command {
  return onTarget(new Command('schedules'))
    .description('list schedules with their next slots; pause, resume, run, override, reset one')
    .addCommand(one('pause', 'no slot fires until it is resumed', pauseSchedule))
    .addCommand(one('resume', 'slots fire again', resumeSchedule))
    .addCommand(one('run', 'one job now, outside the slots', runSchedule))
    .addCommand(
      one('override', "replace the code's cron line or zone; deployments keep that", override)
        .option('--cron <line>', 'five fields', text(200))
        .option('--time-zone <zone>', 'such as Europe/Berlin', text(100)),
    )
    .addCommand(one('reset', "back to the code's own line", reset))
    .action((options: Common) =>
      withTarget(options, async (target) => {
        const answer = await target.ask({ action: 'schedules' });
        if (options.json) return printJson(answer);
        if (answer.schedules.length === 0)
          return print('No schedule is stored yet: the first drain of a deployment stores them.');
        printTable(
          ['name', 'type', 'cron', 'zone', 'next', 'last', ''],
          answer.schedules.map((schedule) => [
            schedule.name,
            schedule.type,
            schedule.cron,
            schedule.timeZone,
            ago(schedule.nextSlot),
            ago(schedule.lastSlot),
            [
              schedule.paused && coloured('yellow', 'paused'),
              schedule.override && 'overridden',
              !schedule.declared && 'no longer declared',
            ]
              .filter(Boolean)
              .join(', '),
          ]),
        );
      }),
    );
}

interface Options extends Acting {
  readonly reason?: string;
  readonly cron?: string;
  readonly timeZone?: string;
}

type Act = (target: Target, name: string, options: Options) => Promise<object>;

function one(does: string, description: string, act: Act): Command {
  return acting(new Command(does))
    .description(description)
    .addArgument(new Argument('<name>', 'the name of the schedule'))
    .option('--reason <text>', 'the reason, recorded in the audit log', text(1_000))
    .action((name: string, _: Options, command: Command) => {
      const options = command.optsWithGlobals<Options>();
      return withTarget(options, async (target) => {
        const answer = await act(target, name, options);
        if (options.json) printJson(answer);
        else print('id' in answer ? `job ${answer.id} is due` : `${name}: done`);
      });
    });
}

const by = ({ as: actor, reason }: Options) => ({ actor, ...given({ reason }) });

const pauseSchedule: Act = (target, name, options) => target.ask({ action: 'pauseSchedule', name, ...by(options) });
const resumeSchedule: Act = (target, name, options) => target.ask({ action: 'resumeSchedule', name, ...by(options) });
const runSchedule: Act = (target, name, options) => target.ask({ action: 'runSchedule', name, ...by(options) });
const reset: Act = (target, name, options) =>
  target.ask({ action: 'overrideSchedule', name, line: null, ...by(options) });
const override: Act = (target, name, options) => {
  const { cron, timeZone } = options;
  if (cron === undefined && timeZone === undefined) throw new UsageError('override: --cron, --time-zone, or both');
  return target.ask({ action: 'overrideSchedule', name, line: given({ cron, timeZone }), ...by(options) });
};
