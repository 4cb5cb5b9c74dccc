/** Composition: imports on this deployment's database and queue, as the endpoint and the pages call them. */
import { randomUUID } from 'node:crypto';
import { database } from '@conversure/jobqueue/postgres';
import type { z } from 'zod';
import { queue } from '../queue/index.ts';
import { cancelImport } from './cancel.ts';
import { type Answer, confirmImport } from './confirm.ts';
import { errorFile } from './error-file.ts';
import { keptFile } from './kept-file.ts';
import { type SavedMapping, savedMappings } from './lead-import/mapping.ts';
import { forgetMapping } from './mappings.ts';
import type { NewImport } from './new-import.ts';
import { finishUpload, openUpload, storePart } from './parts.ts';
import { pauseImport, resumeImport } from './pause.ts';
import { type Preview, previewImport } from './preview.ts';
import type { ReceivedFile } from './received-file.ts';
import { chosen, isImportId, type partQuery, type uploadQuery, type wholeFile } from './request.ts';
import { type ImportView, type JobLookup, listImports, readImport } from './status.ts';
import { type Undoing, undoWithItsJob } from './undo.ts';
import { type Enqueued, uploadFile } from './upload.ts';
import { warningFile } from './warning-file.ts';

export type { Preview, PreviewedRow } from './preview.ts';
export { type ImportStatus, type ImportView, isUnderWay } from './status.ts';

const getJob: JobLookup = (id) => queue.getJob(id);

export const imports = {
  /** Stores a file and enqueues its import. */
  upload(
    { companyId, id = randomUUID(), fileName, createCompany, ...choices }: Upload,
    file: ReceivedFile,
  ): Promise<Enqueued> {
    return uploadFile(database(), newImport({ companyId, id, fileName, createCompany }, choices, file), file.bytes);
  },
  /** Stores one part of a file; the first that comes opens the upload, if it names the company. */
  async storePart(
    { id, part, companyId, fileName, createCompany, ...choices }: z.output<typeof partQuery>,
    file: ReceivedFile,
  ): Promise<void> {
    if (companyId !== undefined)
      await openUpload(database(), newImport({ companyId, id, fileName, createCompany }, choices, file));
    await storePart(database(), { importId: id, part }, file.bytes);
  },
  /** Ends an upload in parts and enqueues its import. */
  finish(id: string, expected: z.output<typeof wholeFile>): Promise<Enqueued> {
    return finishUpload(database(), id, expected);
  },
  /** `null` if there is no such import. */
  read: async (id: string): Promise<ImportView | null> => (isImportId(id) ? readImport(database(), getJob, id) : null),
  list: (options: { companyId?: string; limit?: number } = {}): Promise<ImportView[]> =>
    listImports(database(), getJob, options),
  /** Its first rows, as they would become leads; `null` if there is no such import. */
  preview: async (id: string, answer: Answer = {}): Promise<Preview | null> =>
    isImportId(id) ? previewImport(database(), id, answer) : null,
  confirm: (id: string, answer: Answer): Promise<Enqueued> => confirmImport(database(), id, answer),
  cancel: (id: string): Promise<void> => cancelImport(database(), id),
  pause: (id: string): Promise<void> => pauseImport(database(), id),
  resume: (id: string): Promise<Enqueued> => resumeImport(database(), id),
  undo: (id: string): Promise<Undoing> => undoWithItsJob(database(), getJob, id),
  mappings: (companyId: string): Promise<SavedMapping[]> => savedMappings(database(), companyId),
  forgetMapping: (companyId: string, name: string): Promise<void> => forgetMapping(database(), companyId, name),
  /** The rows that were refused, as a CSV; `null` if there is no such import. */
  errorFile: async (id: string): Promise<ReadableStream<Uint8Array> | null> =>
    isImportId(id) ? errorFile(database(), id) : null,
  /** A CSV of all that was left out of imported rows; `null` if there is no such import. */
  warningFile: async (id: string): Promise<ReadableStream<Uint8Array> | null> =>
    isImportId(id) ? warningFile(database(), id) : null,
  /** The rows that an undo kept, as a CSV; `null` if there is no such import. */
  keptFile: async (id: string): Promise<ReadableStream<Uint8Array> | null> =>
    isImportId(id) ? keptFile(database(), id) : null,
};

type Upload = z.output<typeof uploadQuery>;
type Named = { companyId: string; id: string; fileName: string | undefined; createCompany: boolean | undefined };

function newImport(
  { companyId, id, fileName, createCompany = false }: Named,
  choices: Parameters<typeof chosen>[0],
  file: ReceivedFile,
): NewImport {
  const { country, delimiter, encoding, dryRun, options } = chosen(choices);
  return {
    importId: id,
    companyId,
    fileName: shownName(fileName ?? file.fileName),
    country: country ?? null,
    delimiter: delimiter ?? null,
    encoding: encoding ?? null,
    ...(dryRun === undefined ? {} : { dryRun }),
    options,
    createCompany,
  };
}

/** Only ever shown: no control characters, no novel, and no half of a character at its end. */
function shownName(name: string | null): string | null {
  if (name === null) return null;
  return (
    Array.from(name.replace(/\p{Cc}/gu, ''))
      .slice(0, 255)
      .join('') || null
  );
}
