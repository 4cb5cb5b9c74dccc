/** One import, from the old table to the last word about it. */

import type { Job } from '../../index.ts';
import { connect, type Database } from '../../postgres/connect.ts';
import { addressOf, connectionError } from '../../postgres/connection-error.ts';
import { placedDatabase } from '../../postgres/schema.ts';
import { agree } from '../ask.ts';
import { Failure } from '../failure.ts';
import { onInterrupt } from '../interrupt.ts';
import { queueOn } from '../load-queue.ts';
import { ago, note, plain, print, printJson, printTable } from '../output.ts';
import { columnsOf, stateOf } from './old-table.ts';
import { type ImportOptions, KEPT_MS } from './options.ts';
import { type Plan, planImport } from './plan.ts';
import { runImport } from './run.ts';
import { hasBegun, imported } from './store.ts';

export async function importFrom(url: string, options: ImportOptions): Promise<void> {
  const database = connect(url);
  try {
    const { queue } = await queueOn(database, { config: options.config, needs: 'import-prisma' });
    await importPrisma(placedDatabase(database, queue.schema), queue.jobs, options);
  } catch (error) {
    throw connectionError(error, { variable: 'DATABASE_URL', address: addressOf(url) }) ?? error;
  } finally {
    await database.close();
  }
}

async function importPrisma(database: Database, jobs: readonly Job[], options: ImportOptions): Promise<void> {
  const quiet = options.json === true;
  const state = await stateOf(database);
  if (state === 'missing') throw new Failure(`${database.address} has no table public."JobQueue" of Prisma`);
  if (state === 'done') {
    const before = await imported(database);
    if (quiet) printJson({ done: true, imported: before, conflicts: 0 });
    else print('Everything has already been imported; the old table is "JobQueue_prisma".');
    return;
  }
  await database.execute({ text: 'select from jobqueue.jobs limit 0', params: [] }); // migrated? else nothing begins
  const reading = { columns: await columnsOf(database), historyMs: options.history, begun: await hasBegun(database) };
  const rules = {
    payloads: new Map(jobs.map(({ type, payload }) => [type, payload])),
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
  if (!result.done) throw new Failure('not finished: run the same command again to continue');
  if (!quiet) print('Done. "JobQueue" is now the view; the old table is "JobQueue_prisma".');
}

function tell(plan: Plan, begun: boolean): void {
  note(begun ? 'Some rows were imported before. The others become:' : 'The rows become:');
  for (const { from, becomes, jobs: count } of plan.becomes) note(`  ${count}  ${from} → ${becomes}`);
  if (plan.leftBehind > 0) note(`  ${plan.leftBehind}  COMPLETED, too old for history: they stay in the old table`);
  for (const { type, code, reason, jobs: count } of plan.refused)
    note(`  ${count} of these, of ${plain(type)}, become dead letters, ${code}: ${plain(reason, 120)}`);
  for (const { type, jobs: count } of plan.unknownTypes)
    note(`  ${count} are of ${plain(type)}, which this code does not know: they wait for a deployment that does`);
  if (plan.keysDropped > 0)
    note(`  ${plan.keysDropped} come without their idempotency key, which is empty or too long`);
  if (plan.becomes.some(({ from }) => from === 'PROCESSING'))
    note('  PROCESSING rows will run again: stop the old worker first');
  if (plan.oldestPending !== null)
    note(
      `  the oldest pending job was enqueued ${ago(plan.oldestPending)}; --stale-after keeps what is too old from running`,
    );
}
