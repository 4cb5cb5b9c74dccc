/** `jobqueue import-prisma`: the jobs of a Prisma "JobQueue" table become ours, then its name becomes our view's. */
import { Command, Option } from 'commander';
import { databaseOf } from '../environment.ts';
import { confirmed, duration, onDatabase, whole } from '../options.ts';
import { type ImportOptions, KEPT_MS } from '../prisma/options.ts';

const DAY_MS = 24 * 3_600_000;

export function importPrismaCommand(): Command {
  return confirmed(onDatabase(new Command('import-prisma')))
    .description('import a Prisma "JobQueue" table: pending, dead and recent completed jobs')
    .option('--plan', 'show the result, write nothing')
    .addOption(
      new Option('--history <duration>', 'import jobs completed within this time')
        .argParser(duration(0, 3_650 * DAY_MS))
        .default(KEPT_MS, '7d'),
    )
    .option(
      '--stale-after <duration>',
      'pending jobs due for longer become dead letters instead of running',
      duration(0, 3_650 * DAY_MS),
    )
    .option('--slice <n>', 'rows a transaction', whole(1, 5_000), 500)
    .addHelpText(
      'after',
      `
Stop the old worker first; migrate first. Then:

  $ jobqueue import-prisma --plan
  $ jobqueue import-prisma

PENDING and PROCESSING become PENDING, COMPLETED stays, FAILED and DEAD_LETTER become DEAD_LETTER, with all of their times. A payload
that this code's schemas refuse becomes a dead letter with the reason. Killed in the middle, the same command goes on. At the end, in
one transaction, the table is renamed to "JobQueue_prisma" and "JobQueue" becomes the view over the new tables. Which row became
which job is recorded in jobqueue.prisma_jobs.`,
    )
    .action(async (options: ImportOptions) => {
      // Here and not above: most runs of the command line are of other commands, and need neither a driver nor the job types.
      const { importFrom } = await import('../prisma/import.ts');
      await importFrom(databaseOf(options, 'import-prisma'), options);
    });
}
