/** `jobqueue import-prisma`: the jobs of a Prisma "JobQueue" table become ours, then its name becomes our view's. */
import { Command, Option } from 'commander';
import { connect, type Database } from '../../db/client.ts';
import { addressOf, connectionError } from '../../db/connectionError.ts';
import { jobs } from '../../lib/jobs/index.ts';
import { agree } from '../ask.ts';
import { databaseOf } from '../environment.ts';
import { Failure } from '../failure.ts';
import { onInterrupt } from '../interrupt.ts';
import { type Common, confirmed, duration, onDatabase, whole } from '../options.ts';
import { ago, note, plain, print, printJson, printTable } from '../output.ts';
import { columnsOf, stateOf } from '../prisma/oldTable.ts';
import { type Plan, planImport } from '../prisma/plan.ts';
import { runImport } from '../prisma/run.ts';
import { hasBegun, imported } from '../prisma/store.ts';

const DAY_MS = 24 * 3_600_000;
/** As long as completed jobs are kept, and hold their keys, unless the app says otherwise. */
const KEPT_MS = 7 * DAY_MS;

interface Options extends Common {
  readonly plan?: true;
  readonly yes?: true;
  readonly history: number;
  readonly staleAfter?: number;
  readonly slice: number;
}

export function importPrismaCommand(): Command {
  return confirmed(onDatabase(new Command('import-prisma')))
    .description('take over a Prisma "JobQueue" table: pending, dead and recent completed jobs')
    .option('--plan', 'show what would become of its rows, write nothing')
    .addOption(
      new Option('--history <duration>', 'of completed jobs, those of the last …')
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
which job stands in jobqueue.prisma_jobs.`,
    )
    .action(async (options: Options) => {
      const url = databaseOf(options, 'import-prisma');
      const database = connect(url);
      try {
        await importPrisma(database, options);
      } catch (error) {
        throw connectionError(error, { variable: 'DATABASE_URL', address: addressOf(url) }) ?? error;
      } finally {
        await database.close();
      }
    });
}

async function importPrisma(database: Database, options: Options): Promise<void> {
  const quiet = options.json === true;
  const state = await stateOf(database);
  if (state === 'missing') throw new Failure(`${database.address} has no table public."JobQueue" of Prisma`);
  if (state === 'done') {
    const before = await imported(database);
    if (quiet) printJson({ done: true, imported: before, conflicts: 0 });
    else print('Everything was imported already; the old table is "JobQueue_prisma".');
    return;
  }
  await database.execute({ text: 'select from jobqueue.jobs limit 0', params: [] }); // migrated? else nothing begins
  const reading = { columns: await columnsOf(database), historyMs: options.history, begun: await hasBegun(database) };
  const rules = {
    payloads: new Map<string, (typeof jobs)[number]['payload']>(jobs.map(({ type, payload }) => [type, payload])),
    nowMs: Date.now(),
    keyWindowMs: KEPT_MS,
    staleMs: options.staleAfter ?? null,
  };
  const plan = await planImport(database, { reading, rules, limit: options.slice, quiet });
  if (options.plan && quiet) return printJson(plan);
  if (!quiet) tell(plan, reading.begun);
  if (options.plan) return;
  await agree(
    `Import ${plan.toImport} jobs on ${database.address}, then rename the table to "JobQueue_prisma"?`,
    options,
  );

  const interrupt = onInterrupt();
  const run = { reading, rules, limit: options.slice, total: plan.toImport, quiet, signal: interrupt.signal };
  const result = await runImport(database, run).finally(interrupt.done);
  if (quiet) printJson(result);
  else
    printTable(
      ['was', 'is', 'jobs'],
      result.imported.map(({ from, became, jobs: count }) => [from, became, count]),
    );
  if (result.conflicts > 0)
    note(
      `${result.conflicts} jobs changed in the old table after a drain had taken them here: both queues worked on them`,
    );
  if (!result.done) throw new Failure('not finished: the same command again goes on from here');
  if (!quiet) print('Done. "JobQueue" is the view now; the old table is "JobQueue_prisma".');
}

function tell(plan: Plan, begun: boolean): void {
  note(begun ? 'Some rows were imported before; of the rest:' : 'What becomes of the rows:');
  for (const { from, becomes, jobs: count } of plan.becomes) note(`  ${count}  ${from} → ${becomes}`);
  if (plan.leftBehind > 0) note(`  ${plan.leftBehind}  COMPLETED, too old for history: they stay in the old table`);
  for (const { type, code, reason, jobs: count } of plan.refused)
    note(`  of these ${count} of ${plain(type)} die, ${code}: ${plain(reason, 120)}`);
  for (const { type, jobs: count } of plan.unknownTypes)
    note(`  ${count} are of ${plain(type)}, which this code does not know: they wait for a deployment that does`);
  if (plan.keysDropped > 0)
    note(`  ${plan.keysDropped} come without their idempotency key, which is empty or too long`);
  if (plan.becomes.some(({ from }) => from === 'PROCESSING'))
    note('  PROCESSING rows will run again: the old worker must have been stopped');
  if (plan.oldestPending !== null)
    note(
      `  the oldest pending job was enqueued ${ago(plan.oldestPending)}; --stale-after keeps what is too old from running`,
    );
}
