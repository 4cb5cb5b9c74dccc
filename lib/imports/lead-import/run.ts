/** Runs an import until it ends or its time does. Where it stands is in `imports` alone, and moves only by commits. */

import { cancelJob, continueWith, type Handler, type JobContext, NonRetryableError } from '@conversure/jobqueue';
import { database, type Executor } from '@conversure/jobqueue/postgres';
import { commitByHalves } from '../../halves.ts';
import { beginImport, type OpenImport } from './begin.ts';
import { checkFile, readHead } from './check.ts';
import { isMapped } from './columns.ts';
import { commitSlice } from './commit-slice.ts';
import { declaredEncoding, unmarkedUtf16 } from './encoding.ts';
import { acceptFile, completeImport, dropFile, noteEncoding, refuseFile } from './end.ts';
import { encodingQuestion, holdImport, quotesQuestion } from './hold.ts';
import { headerMapper, mappingToSave, savedMappings } from './mapping.ts';
import { rulesOf } from './options.ts';
import { type Pace, startPace } from './pace.ts';
import { SwallowedRows, tearOf } from './quotes.ts';
import { readRecords } from './records.ts';
import { readSlices, refusedRow, type SliceRow } from './slices.ts';
import { checkedUpTo, type State } from './state.ts';
import { FileGone, type StoredFile, storedBytes } from './stored-bytes.ts';
import { tellQueue } from './tell-queue.ts';
import { foreignLines, refuseForeignFormat } from './text-only.ts';
import { storePiece, transcode } from './transcode.ts';
import { UnreadableFile, WrongEncoding } from './unreadable.ts';

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
      case 'waiting':
      case 'paused':
        return { status: found.status }; // an answer, or somebody who resumes it, enqueues another job
      case 'cancelled':
        await dropFile(database, importId);
        return cancelJob('the import was cancelled');
      case 'completed':
      case 'failed':
      case 'undoing':
      case 'undone':
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

/** Works from the import's position to the next milestone or to the end of this run's time. Returns the state to continue from. */
async function advance(
  database: Executor,
  open: OpenImport,
  context: JobContext<Payload>,
  pace: Pace,
): Promise<State | null> {
  if (open.checked !== null) return importSlices(database, open, open.checked, context, pace);
  try {
    if (isTranscoded(open) && open.decoded.upTo < open.sizeBytes) return await makeText(database, open, context, pace);
    return await checkWhole(database, open, context, pace);
  } catch (error) {
    if (!(error instanceof UnreadableFile)) throw error;
    await askOrRefuse(database, open, error);
    return null;
  }
}

/** True if the upload has to be decoded to UTF-8 first. */
function isTranscoded({ encoding }: OpenImport): boolean {
  return encoding !== null && encoding !== 'utf-8';
}

/** The UTF-8 of the import: what was sent, or the text that we made of it. */
function textOf(open: OpenImport): StoredFile {
  return isTranscoded(open) ? { importId: open.importId, sizeBytes: open.decoded.textBytes, form: 'text' } : sent(open);
}

function sent({ importId, sizeBytes }: OpenImport): StoredFile {
  return { importId, sizeBytes, form: 'sent' };
}

/** Questions that a person can settle are asked: an encoding, stray quotes, and what the columns mean. All else is refused. */
async function askOrRefuse(database: Executor, open: OpenImport, error: UnreadableFile): Promise<void> {
  if (error instanceof WrongEncoding) {
    const sample = await evidence(database, open, error);
    return holdImport(database, open.importId, encodingQuestion(error, sample, open.encoding));
  }
  if (error instanceof SwallowedRows) return holdImport(database, open.importId, quotesQuestion(error));
  if (['phone_column_missing', 'columns_unknown', 'mapping_unknown', 'header_missing'].includes(error.code))
    return holdImport(database, open.importId, { code: 'columns', message: error.message });
  await refuseFile(database, open.importId, error);
}

/** Bytes that failed, and the beginning of the file: of two encodings that each fail at another place, the answers would take turns. */
async function evidence(database: Executor, open: OpenImport, { sample }: WrongEncoding): Promise<Buffer> {
  if (open.encoding === null || open.encoding.startsWith('utf-16')) return sample; // it is the first place, or whole units
  return Buffer.concat([sample, Buffer.from('\n'), foreignLines(await readHead(database, sent(open)))]);
}

async function makeText(
  database: Executor,
  open: OpenImport,
  context: JobContext<Payload>,
  pace: Pace,
): Promise<State | null> {
  const { importId, encoding, decoded } = open;
  if (encoding === null) return null;
  if (decoded.upTo === 0) refuseForeignFormat(await readHead(database, sent(open)));
  const tell = tellQueue(context);
  for await (const piece of transcode(storedBytes(database, sent(open), decoded.upTo), encoding, decoded.upTo)) {
    if (context.signal.aborted) return { phase: 'decode', offset: piece.fromOffset };
    if (!(await storePiece(database, importId, piece))) return null; // the next look at `imports` tells why
    const state: State = { phase: 'decode', offset: piece.toOffset };
    tell(state);
    if (pace.isOver()) return state;
  }
  return null;
}

async function checkWhole(
  database: Executor,
  open: OpenImport,
  { job }: JobContext<Payload>,
  pace: Pace,
): Promise<State | null> {
  const { importId, companyId, encoding, options, delimiter } = open;
  const file = textOf(open);
  const head = await readHead(database, file);
  refuseForeignFormat(head);
  const declared = encoding ?? declaredEncoding(head) ?? 'utf-8';
  if (declared !== (encoding ?? 'utf-8')) {
    await noteEncoding(database, importId, declared);
    return null;
  }
  if (encoding === null && unmarkedUtf16(head) !== null)
    throw new WrongEncoding('the file looks like UTF-16 without a byte order mark', null, head);
  const map = headerMapper(await savedMappings(database, companyId), options);
  const { headerRow, quotes } = options;
  const checked = await checkFile(database, file, {
    chosen: { delimiter, headerRow },
    quotes,
    country: open.country,
    map,
    from: checkedUpTo(job.state),
    pace,
  });
  if (checked.kind === 'paused') return { phase: 'check', at: checked.at };
  if (options.preview) {
    const message = `${checked.rows} rows can be read: look at the preview and confirm it`;
    await holdImport(database, importId, { code: 'preview', message }, checked);
  } else await acceptFile(database, importId, checked, mappingToSave(options, checked.layout));
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
  const file = textOf(open);
  const { dryRun, options } = open;
  const rules = rulesOf(options, (field) => isMapped(layout.columns, field));
  const merging = { mode: options.mode, rules, dryRun };
  const bytes = storedBytes(database, file, nextOffset);
  const tear = tearOf({ ...layout, country: open.country }, options.quotes);
  const records = readRecords(bytes, layout, { offset: nextOffset, row: nextRow, line: nextRow }, tear);
  let state: Extract<State, { phase: 'decode' | 'import' }> = { phase: 'import', offset: nextOffset };
  const commit = (part: readonly SliceRow[]) =>
    commitSlice(database, { importId: open.importId, offset: state.offset }, part, merging, pace.remainingMs());
  for await (const slice of readSlices(records, open, layout, nextOffset)) {
    if (context.signal.aborted) return state;
    for await (const { part, answer: committed } of commitByHalves(slice, commit, refusedRow)) {
      const next = part.at(-1)?.next;
      if (!committed || next === undefined) return null; // cancelled, or another run is ahead: the next look at `imports` tells
      state = { phase: 'import', offset: next.offset };
      tell(state);
      context.progress({
        done: next.offset,
        total: file.sizeBytes,
        note: `row ${next.row - 1} of ${rows + 1}`,
      });
      if (pace.isOver()) return state;
    }
  }
  await completeImport(database, open.importId, state.offset);
  return null;
}
