/** `jobqueue cancel`: live jobs end as CANCELLED. Shows which and how many, asks, does it in slices. */
import { Argument, Command, Option } from 'commander';
import { agree } from '../ask.ts';
import { inBulk } from '../bulk.ts';
import { Failure, UsageError } from '../failure.ts';
import { withTarget } from '../open-target.ts';
import { type Acting, acting, confirmed, given, instant, jobId, several, text, whole } from '../options.ts';
import { note, print, printJson, warn } from '../output.ts';
import type { Answer } from '../target.ts';

interface Options extends Acting {
  readonly type?: string;
  readonly queue?: string;
  readonly priority?: number;
  readonly status?: 'PENDING' | 'PROCESSING';
  readonly dueBefore?: string;
  readonly dueAfter?: string;
  readonly reason: string;
  readonly plan?: true;
  readonly yes?: true;
}

export function cancelCommand(): Command {
  return confirmed(acting(new Command('cancel')))
    .description('end live jobs for good, running ones too; at least one id or filter')
    .addArgument(new Argument('[id...]', 'ids of jobs').argParser(several(jobId)))
    .option('--type <type>', 'of this type')
    .option('--queue <queue>', 'of this queue')
    .option('--priority <n>', 'of this priority', whole(0, 10))
    .addOption(new Option('--status <status>', 'only waiting, or only running jobs').choices(['PENDING', 'PROCESSING']))
    .option('--due-before <instant>', 'due before this instant: 2026-11-25T14:00:00Z; 2h means 2 hours ago', instant)
    .option('--due-after <instant>', 'due at this instant or later', instant)
    .requiredOption('--reason <text>', 'the reason, recorded in the audit log and in each job', text(1_000))
    .option('--plan', 'show the jobs, change nothing')
    .addHelpText(
      'after',
      `
A job must fit all filters. Handlers that run hear of it within two seconds; effects until then remain. Cancelled jobs can
come back: jobqueue retry ID, or jobqueue replay --cancelled.

  $ jobqueue cancel --type campaign_send --reason "INC-7: wrong template"
  $ jobqueue cancel 4711 4712 --reason "the customer asked for it"`,
    )
    .action((ids: readonly string[], options: Options) => {
      const { type, queue, priority, status, dueBefore, dueAfter, reason, as: actor } = options;
      const filter = given({
        ids: ids.length > 0 ? [...new Set(ids)] : undefined,
        ...{ type, queue, priority, status, dueBefore, dueAfter },
      });
      if (Object.keys(filter).length === 0) throw new UsageError('cancel: name ids, or at least one filter');
      return withTarget(options, async (target) => {
        const preview = await target.ask({ action: 'previewCancel', filter });
        warn(preview.warnings);
        if (options.plan && options.json) return printJson(preview);
        if (!options.json) tell(preview);
        if (options.plan) return;
        if (preview.total === 0) return options.json ? printJson({ changed: 0, skipped: 0, done: true }) : undefined;
        await agree(`Cancel ${count(preview)} on ${target.name}?`, options);
        const { changed, skipped, done } = await inBulk(target, {
          what: 'cancelled',
          total: preview.total,
          quiet: options.json === true,
          request: () => ({ action: 'cancel', filter, reason, actor }),
        });
        if (options.json) printJson({ changed, skipped, done });
        else print(`${changed} cancelled`);
        if (!done) throw new Failure('stopped; run the same command again for the rest');
      });
    });
}

function count({ total, atLeast }: { total: number; atLeast: boolean }): string {
  return `${atLeast ? 'at least ' : ''}${total} job${total === 1 ? '' : 's'}`;
}

function tell(preview: Answer<{ action: 'previewCancel'; filter: object }>): void {
  if (preview.total === 0) {
    note('No live job matches.');
    return;
  }
  note(`${count(preview)}:`);
  for (const { jobs, type, queue, status } of preview.groups) note(`  ${jobs}  ${type}, queue ${queue}, ${status}`);
}
