/** Undoes an import until nothing is left of it or the time is up. Where it stands is in `imports`, and moves only by commits. */

import { continueWith, type Handler, type JobContext, NonRetryableError } from '@conversure/jobqueue';
import { database, type Executor } from '@conversure/jobqueue/postgres';
import { startPace } from '../lead-import/pace.ts';

interface Payload {
  readonly companyId: string;
  readonly importId: string;
}

/** Some 20 ms, in which the leads of a slice are locked. */
const SLICE_ROWS = 500;

export const run: Handler<Payload> = (context) => undoLeads(database(), context);

/** Answers what was removed and kept, or, when the time is up, how to go on. */
export async function undoLeads(database: Executor, context: JobContext<Payload>): Promise<unknown> {
  const { companyId, importId } = context.payload;
  const pace = startPace(context);
  // Each turn but the last takes a slice of the rows that the import has.
  for (;;) {
    const { status, done, removed, kept, created } = await undoSlice(database, context.payload, pace.remainingMs());
    if (status === 'unknown') throw new NonRetryableError(`company ${companyId} has no import ${importId}`);
    context.progress({ done: Object.values(kept).reduce((sum, rows) => sum + rows, removed), total: created });
    if (done) return { status, removed, kept };
    if (pace.isOver()) return continueWith({ phase: 'undo', removed, kept });
  }
}

interface Slice {
  status: string;
  done: boolean;
  removed: number;
  /** Leads that stayed, counted by reason. */
  kept: Readonly<Record<string, number>>;
  created: number;
}

/** The company is compared as well: a job must not reach another company's leads. */
async function undoSlice(database: Executor, { companyId, importId }: Payload, timeoutMs: number): Promise<Slice> {
  const [row] = await database.execute<{ slice: Slice }>(
    {
      text: 'select undo_import_slice(id, $3::int) as slice from imports where id = $1 and company_id = $2',
      params: [importId, companyId, SLICE_ROWS],
    },
    { timeoutMs },
  );
  return row?.slice ?? { status: 'unknown', done: true, removed: 0, kept: {}, created: 0 };
}
