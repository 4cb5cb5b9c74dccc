/** `jobqueue retry ID…`: single jobs, now: dead letters and cancelled ones come back, waiting ones are brought forward. */
import { Argument, Command } from 'commander';
import { Failure, UsageError } from '../failure.ts';
import { withTarget } from '../open-target.ts';
import { type Acting, acting, jobId, several } from '../options.ts';
import { note, print, printJson } from '../output.ts';

/** A list that a person has put together; more are meant by `replay` and its filters. */
const MOST_IDS = 1_000;

export function retryCommand(): Command {
  return acting(new Command('retry'))
    .description('run these jobs now: dead and cancelled ones come back, waiting ones become due at once')
    .addArgument(new Argument('<id...>', 'ids of jobs').argParser(several(jobId)))
    .addHelpText('after', '\nTo bring back many by type or error: jobqueue replay')
    .action((given: readonly string[], options: Acting) => {
      const ids = [...new Set(given)];
      if (ids.length > MOST_IDS) throw new UsageError(`at most ${MOST_IDS} ids a call; jobqueue replay takes filters`);
      return withTarget(options, async (target) => {
        const done = await target.ask({ action: 'retryNow', ids, actor: options.as });
        const changed = done.broughtForward + done.replayed;
        if (options.json) printJson({ ...done, unchanged: ids.length - changed });
        else print(`${done.replayed} came back, ${done.broughtForward} that waited are due now`);
        for (const { id, holder } of done.refusals) note(`${id} stays: job ${holder} now holds its idempotency key`);
        if (changed < ids.length)
          throw new Failure(
            `${ids.length - changed} of ${ids.length} were left as they are: running, completed, unknown, or refused`,
          );
      });
    });
}
