/** `jobqueue uninstall --plan`: prints how to leave. Changes nothing, in the database or in the app. */
import { Command } from 'commander';
import { schemaName } from '../../postgres/schema.ts';
import { chooseDatabase, databaseOf, namedSchema } from '../environment.ts';
import { UsageError } from '../failure.ts';
import { loadConfig, packageRoot } from '../load-config.ts';
import { type Common, onDatabase } from '../options.ts';
import { note, plain, print, printJson } from '../output.ts';

export function uninstallCommand(): Command {
  return onDatabase(new Command('uninstall'))
    .description('print how to leave: the schema to drop, files, cron and packages to remove; changes nothing')
    .option('--plan', 'required: only the plan exists')
    .action(async (options: Common & { readonly plan?: true }) => {
      if (!options.plan) throw new UsageError('uninstall changes nothing: run it with --plan, and follow its output');
      const url = databaseOf(options, 'uninstall');
      chooseDatabase(url);
      const { planUninstall } = await import('../uninstall/plan.ts');
      const config = (await loadConfig(options.config))?.config ?? {};
      const schema = schemaName(namedSchema(config), { call: 'uninstall' });
      const plan = await planUninstall(url, schema, packageRoot());
      if (options.json) return printJson(plan);
      const { database, app } = plan;
      if (database.isInstalled) {
        for (const { status, jobs, atLeast } of database.live)
          note(`${atLeast ? `${jobs}+` : jobs} ${status} jobs would be lost: drain or cancel them first`);
        if (database.live.length === 0) note('No job is pending or running.');
        print(`-- on ${database.address}, as the role that migrated`);
        for (const name of database.alsoDropped) print(`-- also drops ${plain(name)}, which reads the queue's tables`);
        print(`drop schema "${schema}" cascade;`);
      } else print(`-- ${database.address} holds no schema ${schema}`);
      for (const path of app.files) print(`# remove ${path}`);
      for (const path of app.crons)
        print(`# remove the cron ${path} from vercel.json, and deploy before the schema is dropped`);
      print(
        '# remove CRON_SECRET, OPERATOR_SECRET, VIEWER_SECRET and QUEUE_API_KEY where the app runs, if nothing else uses them',
      );
      if (app.uninstall !== null) print(app.uninstall);
    });
}
