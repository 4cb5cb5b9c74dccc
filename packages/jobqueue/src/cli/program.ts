/** The commands, and what they have in common. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { adoptCommand } from './commands/adopt.ts';
import { cancelCommand } from './commands/cancel.ts';
import { devCommand } from './commands/dev.ts';
import { doctorCommand } from './commands/doctor.ts';
import { drainCommand } from './commands/drain.ts';
import { enqueueCommand } from './commands/enqueue.ts';
import { freeKeyCommand } from './commands/free-key.ts';
import { importPrismaCommand } from './commands/import-prisma.ts';
import { incidentsCommand } from './commands/incidents.ts';
import { initCommand } from './commands/init.ts';
import { jobCommand } from './commands/job.ts';
import { jobsCommand } from './commands/jobs.ts';
import { migrateCommand } from './commands/migrate.ts';
import { pauseCommand, resumeCommand } from './commands/pause.ts';
import { replayCommand } from './commands/replay.ts';
import { retryCommand } from './commands/retry.ts';
import { schedulesCommand } from './commands/schedules.ts';
import { statsCommand } from './commands/stats.ts';
import { tailCommand } from './commands/tail.ts';
import { uninstallCommand } from './commands/uninstall.ts';
import { updateCommand } from './commands/update.ts';
import { print } from './output.ts';

const HELP = `
Which queue: --url or JOBQUEUE_URL for a deployment, --database or DATABASE_URL for a database. Secrets (OPERATOR_SECRET,
QUEUE_API_KEY, passwords) come from the environment or the app's .env files, never from flags. drain and enqueue on a database need the
app's jobs: jobqueue.config.ts names its queue.

Exit codes: 0 done, 1 it failed, 2 it was not understood.

  $ jobqueue dev                                     the app with its ticks, and a database if it has none
  $ jobqueue doctor                                  is everything in place?
  $ jobqueue stats                                   what is due, what became of the last day's jobs
  $ jobqueue jobs --status DEAD_LETTER --type crm_sync
  $ jobqueue replay --type crm_sync --message 503    shows how many, asks, brings them back`;

const COMMANDS = [
  initCommand,
  devCommand,
  doctorCommand,
  migrateCommand,
  statsCommand,
  jobsCommand,
  jobCommand,
  tailCommand,
  enqueueCommand,
  drainCommand,
  retryCommand,
  cancelCommand,
  updateCommand,
  freeKeyCommand,
  replayCommand,
  pauseCommand,
  resumeCommand,
  incidentsCommand,
  schedulesCommand,
  adoptCommand,
  importPrismaCommand,
  uninstallCommand,
];

/** All commands; none of them is loaded further than its options. */
export function program(): Command {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const all = new Command('jobqueue')
    .description('Operates the job queue from a terminal: inspect, pause, replay, set up.')
    .version(version)
    .addHelpText('after', HELP);
  for (const command of COMMANDS) all.addCommand(command());
  return everywhere(all);
}

/** Commander would end the process by itself, with 1 for what was typed wrong. */
function everywhere(command: Command): Command {
  command
    .exitOverride()
    .showHelpAfterError('(see --help)')
    .configureOutput({ writeOut: (text) => print(text.trimEnd()) });
  for (const each of command.commands) everywhere(each);
  return command;
}
