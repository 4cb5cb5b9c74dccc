/** Forms of the pages, read once before the framework does: it answers 500 to what is too large or malformed. */
import { readBytes, readForm } from './body.ts';

/** Throws 413 for a body beyond `maxBytes`, also one without a content-length, and 400 for a malformed multipart form. */
export async function admitForm(request: Request, limit: { maxBytes: number }): Promise<void> {
  const type = request.headers.get('content-type') ?? '';
  const body = await readBytes(request, limit);
  if (/^multipart\/form-data\b/i.test(type)) await readForm(body, type);
}
