/** `jobqueue stats`: what is due, what is scheduled and when, what came of the last day, what is paused. */
import { Command } from 'commander';
import ms from 'ms';
import { withTarget } from '../open-target.ts';
import { type Common, onTarget, whole } from '../options.ts';
import { ago, coloured, plain, print, printJson, printTable } from '../output.ts';

/** As long as counts are kept by default. */
const MOST_HOURS = 24 * 90;

export function statsCommand(): Command {
  return onTarget(new Command('stats'))
    .description('due, scheduled and paused jobs, and the outcomes of the last day')
    .option('--hours <n>', 'count the last n hours', whole(1, MOST_HOURS), 24)
    .action((options: Common & { hours: number }) =>
      withTarget(options, async (target) => {
        const overview = await target.ask({ action: 'overview', hours: options.hours });
        if (options.json) return printJson(overview);
        print(`${target.name}\n`);
        const { scheduled = [] } = overview; // an older deployment does not tell
        if (overview.lanes.length === 0)
          print(scheduled.length === 0 ? 'No job is due or scheduled.' : 'No job is due.');
        else
          printTable(
            ['due', 'type', 'queue', 'priority', ''],
            overview.lanes.map(({ due, atLeast, type, queue, priority, paused, handled }) => [
              atLeast ? `${due}+` : due,
              type,
              queue,
              priority,
              [paused && 'paused', !handled && target.knowsTypes && 'no handler'].filter(Boolean).join(', '),
            ]),
          );
        if (scheduled.length > 0) {
          print('');
          printTable(
            ['scheduled', 'type', 'queue', 'next due'],
            scheduled.map(({ n, atLeast, type, queue, nextDue }) => [
              atLeast ? `${n}+` : n,
              type,
              queue,
              nextDue === null ? 'after its children' : ago(nextDue),
            ]),
          );
        }
        print(`\nThe last ${overview.hours} h:`);
        if (overview.counts.length === 0) print('nothing ran');
        else
          printTable(
            ['type', 'completed', 'failed', 'dead', 'cancelled', 'wait p95', 'run p95'],
            overview.counts.map(({ type, completed, failed, dead, cancelled, wait, run }) => [
              type,
              completed,
              failed,
              dead,
              cancelled,
              wait === null ? null : ms(Math.round(wait.p95Ms)),
              run === null ? null : ms(Math.round(run.p95Ms)),
            ]),
          );
        for (const { queue, type, reason, since } of overview.paused)
          print(
            coloured(
              'yellow',
              `\npaused: queue ${queue}, type ${type}, ${ago(since)}${reason ? `: ${plain(reason)}` : ''}`,
            ),
          );
      }),
    );
}
