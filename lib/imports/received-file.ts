/** The file that a request carries: its body as CSV, or the one file of a multipart form. */
import { readBytes, readForm } from '@conversure/jobqueue/next';
import { EDGE_LIMITS } from '../config.ts';
import { HttpError } from '../http/errors.ts';

export interface ReceivedFile {
  readonly bytes: Uint8Array;
  readonly fileName: string | null;
}

/** Content types that clients send for a CSV, and for bytes without a name, because parts of a file are no CSV by themselves. */
const FILE_TYPES = ['text/csv', 'application/csv', 'text/plain', 'application/octet-stream'];
const FORM_TYPE = 'multipart/form-data';
/** Boundaries and headers around a file that is itself as large as allowed. */
const FORM_OVERHEAD_BYTES = 16 * 1024;

/** Throws 415 on another content type, 413 beyond the limit, 400 for a form that does not hold exactly one file. */
export async function receiveFile(request: Request): Promise<ReceivedFile> {
  const contentType = request.headers.get('content-type') ?? '';
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  if (FILE_TYPES.includes(type))
    return { bytes: await readBytes(request, { maxBytes: EDGE_LIMITS.uploadBytes }), fileName: null };
  if (type !== FORM_TYPE)
    throw new HttpError(
      415,
      'unsupported_media_type',
      `Expected content-type text/csv or ${FORM_TYPE}, got ${type || 'none'}.`,
    );
  const body = await readBytes(request, { maxBytes: EDGE_LIMITS.uploadBytes + FORM_OVERHEAD_BYTES });
  const files = [...(await readForm(body, contentType)).values()].filter((value) => value instanceof File);
  const [file] = files;
  if (file === undefined || files.length > 1)
    throw new HttpError(400, 'form_invalid', `Expected a form with exactly one file, got ${files.length}.`);
  if (file.size > EDGE_LIMITS.uploadBytes)
    throw new HttpError(413, 'body_too_large', `Expected a file of at most ${EDGE_LIMITS.uploadBytes} bytes.`);
  return { bytes: new Uint8Array(await file.arrayBuffer()), fileName: file.name || null };
}
