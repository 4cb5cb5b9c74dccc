/** `jobqueue replay list` and `jobqueue replay stop ID`: the throttled replays. */
import { Argument, Command } from 'commander';
import { waitingInWords } from '../../core/describe-wait.ts';
import { Failure } from '../failure.ts';
import { withTarget } from '../open-target.ts';
import { type Acting, acting, type Common, jobId, onTarget } from '../options.ts';
import { ago, plain, print, printJson, printTable } from '../output.ts';

export function replaysCommand(): Command {
  return onTarget(new Command('list'))
    .description('the latest throttled replays, their progress and how they ended')
    .action((_: Common, command: Command) => {
      const options = command.optsWithGlobals<Common>();
      return withTarget(options, async (target) => {
        const { replays } = await target.ask({ action: 'replays' });
        if (options.json) return printJson({ replays });
        if (replays.length === 0) return print('No throttled replay has been started.');
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
          replays.map((replay) => [
            replay.id,
            replay.state,
            ago(replay.startedAt),
            plain(replay.actor, 30),
            replay.perMinute,
            replay.replayed,
            replay.refused,
            replay.failed,
            replay.completed,
            replay.endReason ?? waitingInWords(replay.waitsFor),
          ]),
        );
      });
    });
}

export function stopReplayCommand(): Command {
  return acting(new Command('stop'))
    .description('end a throttled replay; replayed jobs stay')
    .addArgument(new Argument('<id>').argParser(jobId))
    .action((id: string, _: Acting, command: Command) => {
      const options = command.optsWithGlobals<Acting>();
      return withTarget(options, async (target) => {
        const { stopped } = await target.ask({ action: 'stopReplay', id, actor: options.as });
        if (!stopped) throw new Failure(`throttled replay ${id} was not running`);
        if (options.json) printJson({ stopped });
        else print(`throttled replay ${id} is stopped`);
      });
    });
}
