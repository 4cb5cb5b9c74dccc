/** Forms of the pages, read once before the framework does: it answers 500 to what is too large, malformed or in no way React's. */
import { readBytes, readForm } from '@conversure/jobqueue/next';
import { HttpError } from './errors.ts';

/**
 * Throws 413 for a body beyond `maxBytes`, also one without a content-length, and 400 for what no page of ours sends. Every action takes
 * the form alone: bound arguments, `useActionState` and other values would have to be let in here.
 */
export async function admitForm(request: Request, limit: { maxBytes: number }): Promise<void> {
  const type = request.headers.get('content-type') ?? '';
  const body = await readBytes(request, limit);
  const form = /^multipart\/form-data/i.test(type) ? await readForm(body, type) : null;
  const action = request.headers.get('next-action');
  if (action === null ? form === null || isSentByBrowser(form) : isSentByScript({ type, body, form })) return;
  throw new HttpError(400, 'form_invalid', 'Expected the form as the page sends it.');
}

/**
 * Without a script the name of a field says which action is meant; React's other way, `$ACTION_REF_…`, is for bound arguments. Of two names
 * React would take the last.
 */
function isSentByBrowser(form: FormData): boolean {
  const named = [...form.keys()].filter((name) => name.startsWith('$ACTION_'));
  return named.length <= 1 && named.every((name) => name.startsWith('$ACTION_ID_'));
}

interface Reply {
  readonly type: string;
  readonly body: Uint8Array;
  readonly form: FormData | null;
}

/** React's encoding of one argument, a form with the number 1. */
const ONE_FORM = '["$K1"]';

function isSentByScript({ type, body, form }: Reply): boolean {
  if (form === null) return false;
  const isOneForm = [...form.keys()].every((name) => name === '0' || name.startsWith('_1_'));
  return isOneForm && form.getAll('0').join() === ONE_FORM && isPlain(type, body);
}

/** Browsers write a form in one way. Next.js has another parser for those of scripts, which is stricter than ours and decodes more. */
function isPlain(type: string, body: Uint8Array): boolean {
  const [, boundary] = /^multipart\/form-data; ?boundary=([\w'()+,./:=?-]{1,70})$/.exec(type) ?? [];
  if (boundary === undefined) return false;
  const [before, ...parts] = Buffer.from(body).toString('latin1').split(`--${boundary}\r\n`);
  return before === '' && parts.every((part) => PLAIN_HEAD.test(part));
}

const PLAIN_HEAD =
  /^Content-Disposition: form-data; name="[\t !#-~\u0080-\u00ff]{1,1000}"(?:; filename="[\t !#-~\u0080-\u00ff]{0,4000}"\r\nContent-Type: [ -~]{1,1000})?\r\n\r\n/i;
