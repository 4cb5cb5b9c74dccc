/** Runs an import until it ends or its time does. Where it stands is in `imports` alone, and moves only by commits. */
import { database } from '../../../db/client.ts';
import type { Executor } from '../../../db/database.ts';
import { NonRetryableError } from '../../jobqueue/errors.ts';
import { cancelJob, continueWith, type Handler, type JobContext } from '../../jobqueue/job.ts';
import { beginImport, type OpenImport } from './begin.ts';
import { checkFile } from './check.ts';
import { commitSlice } from './commit-slice.ts';
import { acceptFile, completeImport, dropFile, refuseFile } from './end.ts';
import { type Pace, startPace } from './pace.ts';
import { readRecords } from './records.ts';
import { readSlices } from './slices.ts';
import { checkedUpTo, type State } from './state.ts';
import { FileGone, storedBytes } from './stored-bytes.ts';
import { tellQueue } from './tell-queue.ts';
import { UnreadableFile } from './unreadable.ts';

interface Payload {
  readonly companyId: string;
  readonly importId: string;
}

export const run: Handler<Payload> = (context) => importLeads(database(), context);

/** Answers what became of the import, or, when the time is up, how to go on. */
export async function importLeads(database: Executor, context: JobContext<Payload>): Promise<unknown> {
  const { companyId, importId } = context.payload;
  const jobId = context.job.id;
  const pace = startPace(context);
  // Each turn but the last follows a commit, this run's or another's; a file has only so many.
  for (;;) {
    const found = await beginImport(database, { companyId, importId, jobId });
    switch (found.status) {
      case 'unknown':
        throw new NonRetryableError(`company ${companyId} has no import ${importId}`);
      case 'unfinished':
        throw new NonRetryableError(`the upload of import ${importId} is not finished`);
      case 'cancelled':
        await dropFile(database, importId);
        return cancelJob('the import was cancelled');
      case 'completed':
      case 'failed':
        await dropFile(database, importId);
        return { status: found.status, ...found.summary };
      case 'running': {
        const pausedAt = await advance(database, found, context, pace).catch(async (error: unknown) => {
          if (!(error instanceof FileGone)) throw error;
          const now = await beginImport(database, { companyId, importId, jobId });
          if (now.status === 'running') throw error; // nobody ended it, so its bytes are lost
          return null;
        });
        if (pausedAt !== null) return continueWith(pausedAt);
      }
    }
  }
}

/** From where the import stands to the next milestone, or to the end of this run's time: then the state to go on from. */
function advance(
  database: Executor,
  open: OpenImport,
  context: JobContext<Payload>,
  pace: Pace,
): Promise<State | null> {
  return open.checked === null
    ? checkWhole(database, open, context, pace)
    : importSlices(database, open, open.checked, context, pace);
}

async function checkWhole(
  database: Executor,
  open: OpenImport,
  { job }: JobContext<Payload>,
  pace: Pace,
): Promise<State | null> {
  try {
    const options = { chosen: open.delimiter, from: checkedUpTo(job.state), pace };
    const checked = await checkFile(database, open, options);
    if (checked.kind === 'paused') return { phase: 'check', at: checked.at };
    await acceptFile(database, open.importId, checked);
  } catch (error) {
    if (!(error instanceof UnreadableFile)) throw error;
    await refuseFile(database, open.importId, error);
  }
  return null;
}

async function importSlices(
  database: Executor,
  open: OpenImport,
  { layout, nextOffset, nextRow, rows }: NonNullable<OpenImport['checked']>,
  context: JobContext<Payload>,
  pace: Pace,
): Promise<State | null> {
  const tell = tellQueue(context);
  const bytes = storedBytes(database, open, nextOffset);
  const records = readRecords(bytes, layout, { offset: nextOffset, row: nextRow, line: nextRow });
  let state: State = { phase: 'import', offset: nextOffset };
  for await (const slice of readSlices(records, open, layout, nextOffset)) {
    if (context.signal.aborted) return state;
    const committed = await commitSlice(database, slice, pace.remainingMs());
    if (!committed) return null; // cancelled, or another run is ahead: the next look at `imports` tells
    state = { phase: 'import', offset: slice.toOffset };
    tell(state);
    context.progress({
      done: slice.toOffset,
      total: open.sizeBytes,
      note: `row ${slice.nextRow - 1} of ${rows + 1}`,
    });
    if (pace.isOver()) return state;
  }
  await completeImport(database, open.importId, state.offset);
  return null;
}
