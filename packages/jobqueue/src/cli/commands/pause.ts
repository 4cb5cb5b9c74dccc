/** `jobqueue pause` and `jobqueue resume`: keep drains from claiming a queue, a type, or anything. */
import { Command } from 'commander';
import { agree } from '../ask.ts';
import { UsageError } from '../failure.ts';
import { withTarget } from '../open-target.ts';
import { type Acting, acting, confirmed, given, text } from '../options.ts';
import { ago, note, plain, print, printJson, warn } from '../output.ts';
import type { Answer } from '../target.ts';

interface Options extends Acting {
  readonly type?: string;
  readonly queue?: string;
  readonly all?: true;
  readonly reason?: string;
  readonly yes?: true;
}

export function pauseCommand(): Command {
  return confirmed(what(acting(new Command('pause'))))
    .description('start no more jobs of a queue, a type, or both, within 2 s; running jobs finish')
    .option('--reason <text>', 'the reason, shown with the pause', text(1_000))
    .addHelpText('after', '\n  $ jobqueue pause --type campaign_send --reason "the provider is down"')
    .action((options: Options) =>
      withTarget(options, async (target) => {
        const { reason, as: actor } = options;
        const which = whichOf(options, 'pause');
        if (options.all) await agree(`Pause everything on ${target.name}?`, options);
        tell(await target.ask({ action: 'pause', actor, ...which, ...given({ reason }) }), options);
      }),
    );
}

export function resumeCommand(): Command {
  return what(acting(new Command('resume')))
    .description('end a pause; name the same type and queue as the pause')
    .action((options: Options) =>
      withTarget(options, async (target) => {
        const answer = await target.ask({ action: 'resume', actor: options.as, ...whichOf(options, 'resume') });
        // a deployment of an older version does not say
        if (answer.resumed === false) note('Nothing was resumed: no pause has exactly this type and queue.');
        tell(answer, options);
      }),
    );
}

function what(command: Command): Command {
  return command
    .option('--type <type>', 'jobs of this type')
    .option('--queue <queue>', 'jobs of this queue')
    .option('--all', 'every job');
}

/** Nothing named must not mean everything. */
function whichOf({ type, queue, all }: Options, name: string) {
  const which = given({ type, queue });
  const isEmpty = Object.keys(which).length === 0;
  if (isEmpty && !all) throw new UsageError(`${name}: which jobs? --type, --queue, both, or --all`);
  if (!isEmpty && all) throw new UsageError(`${name}: --all excludes --type and --queue`);
  return which;
}

function tell(answer: Answer<{ action: 'pause'; actor: string }>, { json }: Options): void {
  warn(answer.warnings);
  if (json) printJson(answer);
  else print(answer.paused.length === 0 ? 'Nothing is paused.' : 'Paused now:');
  if (json) return;
  for (const { queue, type, since, reason } of answer.paused)
    print(`  queue ${queue}, type ${type}, ${ago(since)}${reason === null ? '' : `: ${plain(reason)}`}`);
}
