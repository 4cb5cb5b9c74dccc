/** Composition: imports on this deployment's database and queue, as the endpoint and the pages call them. */
import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import { database } from '../../db/client.ts';
import { queue } from '../queue/index.ts';
import { cancelImport } from './cancel.ts';
import { errorFile } from './error-file.ts';
import { finishUpload, openUpload, storePart } from './parts.ts';
import type { ReceivedFile } from './received-file.ts';
import { isImportId, type partQuery, type uploadQuery, type wholeFile } from './request.ts';
import { type ImportView, type JobLookup, listImports, readImport } from './status.ts';
import { type Enqueued, type NewImport, uploadFile } from './upload.ts';

export type { ImportStatus, ImportView } from './status.ts';

const getJob: JobLookup = (id) => queue.getJob(id);

export const imports = {
  /** Stores a file and enqueues its import. */
  upload(query: z.output<typeof uploadQuery>, file: ReceivedFile): Promise<Enqueued> {
    return uploadFile(database(), newImport({ ...query, id: query.id ?? randomUUID() }, file), file.bytes);
  },
  /** Stores one part of a file; the first that comes opens the upload, if it names the company. */
  async storePart(query: z.output<typeof partQuery>, file: ReceivedFile): Promise<void> {
    const { id, part, companyId } = query;
    if (companyId !== undefined) await openUpload(database(), newImport({ ...query, companyId }, file));
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
  cancel: (id: string): Promise<void> => cancelImport(database(), id),
  /** The rows that were refused, as a CSV; `null` if there is no such import. */
  errorFile: async (id: string): Promise<ReadableStream<Uint8Array> | null> =>
    isImportId(id) ? errorFile(database(), id) : null,
};

type Options = Omit<z.output<typeof uploadQuery>, 'id'> & { id: string };

function newImport({ id, companyId, country, delimiter, fileName }: Options, file: ReceivedFile): NewImport {
  return {
    importId: id,
    companyId,
    fileName: shownName(fileName ?? file.fileName),
    country: country ?? null,
    delimiter: delimiter ?? null,
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
