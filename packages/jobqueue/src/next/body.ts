/** Reads what a client sent, within bounds, into what a schema promises: 400, 413 or 415 say what was wrong. */
import type { Issue } from '../core/errors.ts';
import { type OutputOf, pathOf, type StandardSchema, validateNow } from '../core/standard-schema.ts';
import { HttpError } from './http-error.ts';

/**
 * The JSON body, validated by `schema`. A request without any body is `undefined`, which a schema may allow. Throws 415 on
 * another content type, 413 beyond `maxBytes`, 400 on malformed JSON.
 */
export async function readJson<Schema extends StandardSchema>(
  request: Request,
  schema: Schema,
  limit: { maxBytes: number },
): Promise<OutputOf<Schema>> {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() ?? 'none';
  // Servers hand out an empty stream, not null, where a client sent no body.
  if (type === 'none' && (await readBytes(request, limit)).length === 0) return parse(schema, undefined, 'body');
  if (type !== 'application/json')
    throw new HttpError(415, 'unsupported_media_type', `Expected content-type application/json, got ${type}.`);
  return parse(schema, parseJson(await readBytes(request, limit)), 'body');
}

/** The whole body, refused with 413 as soon as it is known to exceed `maxBytes`: a missing or false content-length buys nothing. */
export async function readBytes(request: Request, { maxBytes }: { maxBytes: number }): Promise<Uint8Array> {
  const tooLarge = () => new HttpError(413, 'body_too_large', `Expected a body of at most ${maxBytes} bytes.`);
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = request.body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done) return Buffer.concat(chunks);
    size += value.byteLength;
    if (size > maxBytes) {
      await reader?.cancel();
      throw tooLarge();
    }
    chunks.push(value);
  }
}

/** A form's fields. Throws 400 for what is none. */
export async function readForm(body: Uint8Array, contentType: string): Promise<FormData> {
  try {
    return await new Response(body.slice(), { headers: { 'content-type': contentType } }).formData();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // what a malformed form throws
    throw new HttpError(400, 'form_invalid', 'Expected a well-formed multipart form.');
  }
}

/** The query string as `schema` promises. A parameter given twice is refused: which of the two counts would be a guess. */
export function readQuery<Schema extends StandardSchema>(
  request: Pick<Request, 'url'>,
  schema: Schema,
): OutputOf<Schema> {
  const once = new Map<string, string>();
  const twice = new Set<string>();
  for (const [name, value] of new URL(request.url).searchParams) {
    if (once.has(name)) twice.add(name);
    once.set(name, value);
  }
  if (twice.size > 0)
    throw invalid(
      'query',
      [...twice].map((path) => ({ path, message: 'expected once' })),
    );
  return parse(schema, Object.fromEntries(once), 'query');
}

/** `value` as `schema` promises, else 400 with one issue per mistake. */
export function parse<Schema extends StandardSchema>(schema: Schema, value: unknown, where: string): OutputOf<Schema> {
  const parsed = validateNow(schema, value);
  if (!parsed.issues) return parsed.value as OutputOf<Schema>;
  throw invalid(
    where,
    parsed.issues.map((issue) => ({ path: pathOf(issue).map(String).join('.'), message: issue.message })),
  );
}

function invalid(where: string, issues: Issue[]): HttpError {
  const shown = issues
    .slice(0, MAX_ISSUES)
    .map(({ path, message }) => ({ path: short(path), message: short(message) }));
  return new HttpError(400, 'request_invalid', `The ${where} is not what was expected.`, shown);
}

/** A path holds names that the client chose, a message all fields that nobody knows: of a large body either may be megabytes. */
function short(text: string): string {
  return text.length > MAX_ISSUE_CHARS ? `${text.slice(0, MAX_ISSUE_CHARS)}…` : text;
}

/** A batch can be wrong 10,000 times over; nobody reads more than the first ones. */
const MAX_ISSUES = 100;
const MAX_ISSUE_CHARS = 500;

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    // The parser's own message quotes the body, which may be a customer's data.
    if (!(error instanceof SyntaxError) && !(error instanceof TypeError)) throw error;
    throw new HttpError(400, 'json_malformed', 'Expected a body of well-formed JSON in UTF-8.');
  }
}
