/** `jobqueue free-key TYPE KEY`: an idempotency key that its holder should not hold any more. */
import { Argument, Command } from 'commander';
import { withTarget } from '../open-target.ts';
import { type Acting, acting, given, text } from '../options.ts';
import { print, printJson } from '../output.ts';

interface Options extends Acting {
  readonly reason?: string;
}

export function freeKeyCommand(): Command {
  return acting(new Command('free-key'))
    .description('free an idempotency key; the job that held it goes on without it, and another job may take it')
    .addArgument(new Argument('<type>', 'the type that the key belongs to').argParser(text(100)))
    .addArgument(new Argument('<key>', 'the key').argParser(text(512)))
    .option('--reason <text>', 'the reason, recorded in the audit log', text(1_000))
    .addHelpText(
      'after',
      `
jobqueue jobs --search KEY shows the job that holds it. The key of a job that was deleted by hand need not be freed.

  $ jobqueue free-key lead_import import:4711 --reason "the file was wrong, upload it again"`,
    )
    .action((type: string, idempotencyKey: string, { reason, as: actor, ...options }: Options) =>
      withTarget(options, async (target) => {
        const answer = await target.ask({ action: 'freeKey', type, idempotencyKey, actor, ...given({ reason }) });
        if (options.json) return printJson(answer);
        print(answer.freed ? `freed: job ${answer.holder} held it` : 'nothing to free: no job holds this key');
      }),
    );
}
