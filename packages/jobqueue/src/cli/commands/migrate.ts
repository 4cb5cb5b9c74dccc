/** `jobqueue migrate`: brings a database to the schema of this code; `--plan` only says what that would apply. */
import { Command } from 'commander';
import { chooseDatabase, databaseOf } from '../environment.ts';
import { loadConfig } from '../load-config.ts';
import { type Common, onDatabase } from '../options.ts';
import { note, print, printJson } from '../output.ts';

export function migrateCommand(): Command {
  return onDatabase(new Command('migrate'))
    .description('apply the migrations that a database lacks, over DATABASE_URL_UNPOOLED if that is set')
    .option('--plan', 'show what would be applied, change nothing')
    .option('--compat-view', 'also make the view public."JobQueue", if you replace a Prisma queue of that name')
    .addHelpText(
      'after',
      '\nMigrations only add to what running code uses, so they go before the deploy. Two at once do no harm: the second waits.',
    )
    .action(async (options: Common & { plan?: true; compatView?: true }) => {
      chooseDatabase(databaseOf(options, 'migrate'));
      const config = (await loadConfig(options.config))?.config ?? {};
      const { applyPending, readPending } = await import('../migrations.ts');
      if (options.plan) {
        const { address, pending } = await readPending(config);
        if (options.json) printJson({ database: address, pending });
        else print(pending.length === 0 ? `${address} is up to date.` : pending.join('\n'));
        return;
      }
      const { address, applied } = await applyPending(config, {
        log: options.json ? () => {} : note,
        compatibilityView: options.compatView === true,
      });
      if (options.json) printJson({ database: address, applied });
      else print(`${address} is up to date${applied.length === 0 ? ' already' : ''}.`);
    });
}
