/** `jobqueue drain`: claims and runs what is due, now. On a database the handlers run in this process. */
import { Command } from 'commander';
import { Failure } from '../failure.ts';
import { onInterrupt } from '../interrupt.ts';
import { withTarget } from '../open-target.ts';
import { type Common, duration, given, onTarget, several, whole } from '../options.ts';
import { note, print, printJson, printTable, warn } from '../output.ts';

interface Options extends Common {
  readonly type?: readonly string[];
  readonly queue?: string;
  readonly limit?: number;
  readonly budget?: number;
  readonly concurrency?: number;
  readonly includePaused?: true;
  readonly dryRun?: true;
}

const SHOWN = [
  'claimed',
  'completed',
  'retried',
  'deadLettered',
  'continued',
  'cancelled',
  'givenBack',
  'lost',
  'unconfirmed',
  'rescued',
] as const;

export function drainCommand(): Command {
  return onTarget(new Command('drain'))
    .description('run due jobs: by a deployment, or on a database in this process')
    .option('--type <type>', 'only this type; may be repeated', several(String))
    .option('--queue <queue>', 'only this queue')
    .option('--limit <n>', 'the most jobs to claim', whole(1, 1_000_000))
    .option('--budget <duration>', 'the longest duration, such as 90s', duration(100, 3_600_000))
    .option('--concurrency <n>', 'jobs that run at the same time', whole(1, 1_000))
    .option('--include-paused', 'paused jobs too')
    .option('--dry-run', 'show due jobs, claim nothing')
    .addHelpText(
      'after',
      `
With --database the handlers run here, with this folder's code and environment, keys of remote systems included. Ctrl-C gives back
what has not started and ends what runs.`,
    )
    .action((options: Options) =>
      withTarget(
        options,
        async (target) => {
          const { queue, limit, budget, concurrency, includePaused, type } = options;
          const types = type && [...new Set(type)];
          const request = given({ queue, types, limit, budgetMs: budget, concurrency, includePaused });
          if (options.dryRun) {
            const { due, lanes, more, warnings } = await target.foresee(request);
            warn(warnings);
            if (options.json) return printJson({ due, lanes, more });
            print(
              more ? `${due} due in the ${lanes.length} most urgent lanes; more lanes have due jobs` : `${due} due`,
            );
            if (lanes.length > 0)
              printTable(
                ['due', 'type', 'queue', 'priority', 'paused'],
                lanes.map((lane) => [lane.due, lane.type, lane.queue, lane.priority, lane.paused ? 'yes' : 'no']),
              );
            return;
          }
          const interrupt = onInterrupt();
          if (!options.json) note(`draining ${target.name} …`);
          const report = await target.drain(request, { signal: interrupt.signal }).finally(interrupt.done);
          warn(report.warnings);
          if (options.json) printJson(report);
          else {
            print(
              SHOWN.filter((name) => report[name] > 0)
                .map((name) => `${name} ${report[name]}`)
                .join(', ') || 'nothing was due',
            );
            print(`ended: ${report.stopReason}`);
            if (report.unhandled.length > 0) note(`without a handler: ${report.unhandled.join(', ')}`);
          }
          if (report.stopReason === 'other_environment')
            throw new Failure(
              'the database belongs to another environment: npx jobqueue doctor names it and the next step',
            );
          if (report.stopReason === 'database_unreachable')
            throw new Failure(
              `the database stopped answering; unsettled jobs are claimed again when their leases expire. ${report.error ?? ''}`.trim(),
            );
        },
        { needs: 'drain' },
      ),
    );
}
