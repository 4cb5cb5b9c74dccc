/** `jobqueue adopt ENVIRONMENT`: the database belongs to another environment from then on. */
import { Argument, Command } from 'commander';
import { agree } from '../ask.ts';
import { UsageError } from '../failure.ts';
import { withTarget } from '../open-target.ts';
import { type Acting, acting, confirmed, text } from '../options.ts';
import { print, printJson } from '../output.ts';

interface Options extends Acting {
  readonly none?: true;
  readonly yes?: true;
}

export function adoptCommand(): Command {
  return confirmed(acting(new Command('adopt')))
    .description('assign the database to an environment: only its drains run jobs, fire schedules and alert')
    .addArgument(new Argument('[environment]', 'such as production or preview').argParser(text(100)))
    .option('--none', 'no owner: every environment drains it, until a drain or migration of production takes it over')
    .addHelpText(
      'after',
      `
For a database that was copied from another environment's, such as a branch for previews:

  $ jobqueue adopt preview --database "$DATABASE_URL_UNPOOLED" --yes

A deployment names its environment by JOBQUEUE_ENVIRONMENT, else VERCEL_ENV.`,
    )
    .action((environment: string | undefined, options: Options) =>
      withTarget(options, async (target) => {
        if ((environment === undefined) !== (options.none === true))
          throw new UsageError('adopt: name an environment, or give --none');
        const { owner } = await target.ask({ action: 'environments' });
        const whose = owner === null ? 'belongs to no environment' : `belongs to ${owner}`;
        await agree(
          `The database of ${target.name} ${whose}. Move it to ${environment ?? 'none'}? Other drains stop within seconds.`,
          options,
        );
        const answer = await target.ask({ action: 'adopt', environment: environment ?? null, actor: options.as });
        if (options.json) return printJson(answer);
        print(`the database of ${target.name} belongs to ${environment ?? 'no environment'} now`);
      }),
    );
}
