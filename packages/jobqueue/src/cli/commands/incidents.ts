/** `jobqueue incidents`: what is red, with its next step; below it ack, mute and unmute. */
import { Argument, Command } from 'commander';
import { withTarget } from '../open-target.ts';
import { type Acting, acting, type Common, duration, given, jobId, onTarget, text } from '../options.ts';
import { ago, coloured, dim, plain, print, printJson } from '../output.ts';
import type { Answer } from '../target.ts';

const LONGEST_MUTE_MS = 30 * 24 * 3_600_000;

interface Muting extends Acting {
  readonly for: number;
  readonly reason: string;
}

export function incidentsCommand(): Command {
  return onTarget(new Command('incidents'))
    .description('list red checks with their start and next step; acknowledge one, mute a check')
    .addCommand(acknowledge())
    .addCommand(mute())
    .addCommand(unmute())
    .action((options: Common) =>
      withTarget(options, async (target) => {
        const answer = await target.ask({ action: 'incidents' });
        if (options.json) printJson(answer);
        else tell(answer);
      }),
    );
}

function acknowledge(): Command {
  return acting(new Command('ack'))
    .description('you take care of it: an alert that has not been sent yet is not sent')
    .addArgument(new Argument('<id>', 'the id of the incident').argParser(jobId))
    .action((id: string, _: Acting, command: Command) => {
      const options = command.optsWithGlobals<Acting>();
      return withTarget(options, async (target) => {
        const answer = await target.ask({ action: 'acknowledgeIncident', id, actor: options.as });
        if (options.json) printJson(answer);
        else
          print(
            answer.acknowledged
              ? `${id}: acknowledged`
              : `${id}: it has closed, is unknown, or is already acknowledged`,
          );
      });
    });
}

function mute(): Command {
  return acting(new Command('mute'))
    .description('no alerts about a check until the mute ends; if it is still red then, the alert is sent then')
    .addArgument(new Argument('<check>', 'such as dead_letters'))
    .addArgument(new Argument('[subject]', 'such as a type; default: all'))
    .requiredOption('--for <duration>', 'how long, such as 4h, at most 30d', duration(1_000, LONGEST_MUTE_MS))
    .requiredOption('--reason <text>', 'the reason, recorded in the audit log', text(1_000))
    .action((check: string, subject: string | undefined, _: Muting, command: Command) => {
      const options = command.optsWithGlobals<Muting>();
      const { for: forMs, reason, as: actor } = options;
      return withTarget(options, async (target) => {
        const answer = await target.ask({ action: 'muteCheck', check, ...given({ subject }), forMs, reason, actor });
        if (options.json) printJson(answer);
        else print(`${named(answer.muted)}: muted, ends ${ago(answer.muted.until)}`);
      });
    });
}

function unmute(): Command {
  return acting(new Command('unmute'))
    .description('ends a mute before its time')
    .addArgument(new Argument('<check>', 'such as dead_letters'))
    .addArgument(new Argument('[subject]', 'as it was muted'))
    .action((check: string, subject: string | undefined, _: Acting, command: Command) => {
      const options = command.optsWithGlobals<Acting>();
      return withTarget(options, async (target) => {
        const answer = await target.ask({ action: 'unmuteCheck', check, ...given({ subject }), actor: options.as });
        if (options.json) printJson(answer);
        else print(answer.unmuted ? `${check}: alerts again` : `${check}: nothing was muted under that name`);
      });
    });
}

function tell({ incidents, mutes }: Answer<{ action: 'incidents' }>): void {
  const open = incidents.filter(({ closedAt }) => closedAt === null);
  if (open.length === 0) print('No incident is open.');
  for (const { id, check, detail, next, url, openedAt, acknowledgedBy } of open) {
    const by = acknowledgedBy === null ? '' : `, acknowledged by ${plain(acknowledgedBy)}`;
    print(`${coloured('red', `#${id} ${check}`)}: ${plain(detail, 400)}, red since ${ago(openedAt)}${by}`);
    print(dim(`  → ${plain(next, 400)}${url === null ? '' : `\n    ${url}`}`));
  }
  for (const one of mutes)
    print(`muted: ${named(one)}, ends ${ago(one.until)}, by ${plain(one.actor)}: ${plain(one.reason)}`);
}

function named({ check, subject }: { readonly check: string; readonly subject: string }): string {
  return `${check} of ${subject === '*' ? 'everything' : plain(subject)}`;
}
