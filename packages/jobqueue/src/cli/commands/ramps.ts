/** `jobqueue replay list` and `jobqueue replay stop ID`: the ramps. */
import { Argument, Command } from 'commander';
import { waitingInWords } from '../../core/describe-check.ts';
import { Failure } from '../failure.ts';
import { withTarget } from '../open-target.ts';
import { type Acting, acting, type Common, jobId, onTarget } from '../options.ts';
import { ago, plain, print, printJson, printTable } from '../output.ts';

export function rampsCommand(): Command {
  return onTarget(new Command('list'))
    .description('the latest ramps, how far they are, and how they ended')
    .action((_: Common, command: Command) => {
      const options = command.optsWithGlobals<Common>();
      return withTarget(options, async (target) => {
        const { ramps } = await target.ask({ action: 'ramps' });
        if (options.json) return printJson({ ramps });
        if (ramps.length === 0) return print('No ramp has been started.');
        printTable(
          [
            'id',
            'state',
            'started',
            'by',
            'a minute',
            'replayed',
            'refused',
            'failed',
            'completed',
            'why it ended or waits',
          ],
          ramps.map((ramp) => [
            ramp.id,
            ramp.state,
            ago(ramp.startedAt),
            plain(ramp.actor, 30),
            ramp.perMinute,
            ramp.replayed,
            ramp.refused,
            ramp.failed,
            ramp.completed,
            ramp.endReason ?? waitingInWords(ramp.waitsFor),
          ]),
        );
      });
    });
}

export function stopRampCommand(): Command {
  return acting(new Command('stop'))
    .description('end a ramp; what is back stays back')
    .addArgument(new Argument('<id>').argParser(jobId))
    .action((id: string, _: Acting, command: Command) => {
      const options = command.optsWithGlobals<Acting>();
      return withTarget(options, async (target) => {
        const { stopped } = await target.ask({ action: 'stopRamp', id, actor: options.as });
        if (!stopped) throw new Failure(`ramp ${id} was not running`);
        if (options.json) printJson({ stopped });
        else print(`ramp ${id} is stopped`);
      });
    });
}
