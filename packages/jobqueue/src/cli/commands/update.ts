/** `jobqueue update JOB`: another payload, priority or due time for a job that waits. */
import { Argument, Command } from 'commander';
import { Failure, UsageError } from '../failure.ts';
import { withTarget } from '../open-target.ts';
import { type Acting, acting, duration, given, instant, jobId, jsonOf, text, whole } from '../options.ts';
import { print, printJson } from '../output.ts';

const TEN_YEARS_MS = 10 * 365.25 * 24 * 3_600_000;

interface Options extends Acting {
  readonly payload?: unknown;
  readonly priority?: number;
  readonly at?: string;
  readonly in?: number;
  readonly reason?: string;
}

export function updateCommand(): Command {
  return acting(new Command('update'))
    .description('give a job that waits another payload, priority or due time; one that has begun is left alone')
    .addArgument(new Argument('<job>', 'its id').argParser(jobId))
    .option('--payload <json>', 'all of the new payload, or - to read it from stdin', jsonOf)
    .option('--priority <n>', '0 to 10', whole(0, 10))
    .option('--at <instant>', 'due at this instant, such as 2026-12-24T18:00:00Z', instant)
    .option('--in <duration>', 'due after this time from now, such as 2h', duration(0, TEN_YEARS_MS))
    .option('--reason <text>', 'the reason, recorded in the audit log', text(1_000))
    .addHelpText(
      'after',
      `
  $ jobqueue update 4711 --priority 9
  $ jobqueue update 4711 --payload - --in 2h < payload.json`,
    )
    .action((id: string, { payload, priority, at, in: inMs, reason, as: actor, ...options }: Options) => {
      if (at !== undefined && inMs !== undefined) throw new UsageError('update: --at and --in exclude each other');
      const scheduledFor = inMs === undefined ? at : new Date(Date.now() + inMs).toISOString();
      const changes = given({ payload, priority, scheduledFor });
      if (Object.keys(changes).length === 0)
        throw new UsageError('update: expected one or more of --payload, --priority, --at and --in');
      return withTarget(options, async (target) => {
        const answer = await target.ask({ action: 'update', id, actor, ...changes, ...given({ reason }) });
        if (options.json) printJson(answer);
        else if (answer.updated) print(`updated: job ${id}`);
        if (!answer.updated && !options.json) throw new Failure(notUpdated(id, answer.status));
      });
    });
}

function notUpdated(id: string, status: string | null): string {
  return status === null ? `there is no job ${id}` : `nothing changed: job ${id} is ${status}`;
}
