/** A payload on its way into the table and out of it: checked by the schema of its type both times. Pure. */
import { type Issue, QueueError } from './errors.ts';
import { jsonKeeps } from './json.ts';
import { LIMITS } from './limits.ts';
import { redactIssues } from './redact.ts';
import { isZod, someSchema } from './schemas.ts';
import { bytesOf } from './serialize.ts';
import { pathOf, type StandardIssue, type StandardResult, type StandardSchema } from './standard-schema.ts';

interface Checked {
  readonly type: string;
  readonly payload: StandardSchema;
}

/**
 * The payload as JSON text. It is stored as the caller gave it, and the handler gets the schema's output for that JSON, so the
 * payload has to fit before and after JSON. `at` is the path to the job in error messages.
 */
export function encodePayload(job: Checked, payload: unknown, at: string): string {
  check(job, payload, payload, at);
  let json: string | undefined;
  try {
    json = JSON.stringify(payload);
  } catch (cause) {
    const message = `expected a value that JSON can hold (${cause instanceof Error ? cause.message : 'it threw'})`;
    throw refused(job, [{ path: `${at}payload`, message }], cause);
  }
  const refuse = (message: string) => refused(job, [{ path: `${at}payload`, message }]);
  if (json === undefined) throw refuse(`expected a value that JSON can hold, got ${typeof payload}`);
  if (!jsonKeeps(payload)) check(job, JSON.parse(json), payload, at);
  if (/(?:^|[^\\])(?:\\\\)*\\u(?:0000|d[89a-f])/.test(json))
    throw refuse('expected text without NUL characters and lone surrogates, which Postgres cannot store');
  const bytes = bytesOf(json);
  if (bytes > LIMITS.payloadBytes) {
    const message = `expected at most ${LIMITS.payloadBytes} bytes of JSON, got ${bytes}: store the data and enqueue its id`;
    throw new QueueError('payload_too_large', `${at}payload: ${message}`, {
      issues: [{ path: `${at}payload`, message }],
    });
  }
  return json;
}

/** `given` is what the caller passed, where `payload` is what JSON made of it. */
function check(job: Checked, payload: unknown, given: unknown, at: string): void {
  const { issues } = parseNow(job, payload);
  if (issues === undefined) return;
  const explained = issues.map((issue) => {
    const path = pathOf(issue);
    const change = changeOf(valueAt(given, path), valueAt(payload, path));
    return { ...issue, path, message: `${issue.message}${change}` };
  });
  const shown = redactIssues(job.payload, payload, explained);
  throw refused(
    job,
    shown.map(({ path, message }) => ({ path: `${at}payload${path && '.'}${path}`, message })),
  );
}

/**
 * Validates the payload. Throws QueueError `job_definition_invalid` if the schema answers with a promise, and anything that a
 * check throws.
 */
export function parseNow({ type, payload: schema }: Checked, payload: unknown): StandardResult<unknown> {
  const refuse = (cause?: unknown) =>
    new QueueError('job_definition_invalid', `defineJob('${type}'): ${NOT_ASYNCHRONOUS}`, { cause });
  if (hasSafeParse(schema)) {
    try {
      const { success, data, error } = schema.safeParse(payload);
      return success ? { value: data } : { issues: error?.issues ?? [] };
    } catch (error) {
      throw error instanceof Error && ZOD_MET_A_PROMISE.test(error.message) ? refuse(error) : error;
    }
  }
  const result = schema['~standard'].validate(payload);
  if (!(result instanceof Promise)) return result;
  result.catch(() => undefined); // nobody waits for it: its failure must not end the process
  throw refuse();
}

/** Zod's `validate` runs a check that throws once more, asynchronously, and answers with a promise. `safeParse` lets its error through. */
interface Zod {
  safeParse(payload: unknown): { success: boolean; data?: unknown; error?: { issues: readonly StandardIssue[] } };
}

function hasSafeParse(schema: StandardSchema): schema is StandardSchema & Zod {
  return schema['~standard'].vendor === 'zod' && 'safeParse' in schema;
}

/** Versions 3 and 4 both say so. */
const ZOD_MET_A_PROMISE = /during synchronous parse/;

export const NOT_ASYNCHRONOUS =
  'expected a payload schema without asynchronous checks and transforms, got one that answers with a promise: let the handler do them';

/**
 * True if the schema says that it answers with a promise: an async function among the checks and transforms of zod 4, `async` of
 * valibot. One that does so all the same is seen by the first parse.
 */
export function answersLater(schema: StandardSchema): boolean {
  if (!isZod(schema)) return 'async' in schema && schema.async === true;
  return someSchema(schema, ({ fn, transform }) => [fn, transform].some(isAsync));
}

function isAsync(value: unknown): boolean {
  return Object.prototype.toString.call(value) === '[object AsyncFunction]';
}

function refused({ type }: Checked, issues: readonly Issue[], cause?: unknown): QueueError {
  const words = issues.map(({ path, message }) => `${path}: ${message}`).join('; ');
  return new QueueError('payload_invalid', `'${type}' refuses its payload: ${words}`, { issues, cause });
}

/** Names the change where JSON stores another kind of value than it was given. */
function changeOf(given: unknown, stored: unknown): string {
  const [before, after] = [kindOf(given), kindOf(stored)];
  return before === after ? '' : ` (JSON stores ${before} as ${after})`;
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined || Number.isNaN(value)) return String(value);
  if (Array.isArray(value)) return 'a list';
  if (typeof value !== 'object')
    return Math.abs(Number(value)) === Number.POSITIVE_INFINITY ? 'Infinity' : typeof value;
  const name: unknown = value.constructor?.name;
  return typeof name === 'string' && name !== 'Object' ? `a ${name}` : 'an object';
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown> | null | undefined)?.[key], value);
}

const defaulted = new WeakMap<StandardSchema, boolean>();

/**
 * Makes the schema's output private to one run. A default or a fallback of `catch` is the same object in each parse, so lists and
 * plain objects are copied if the schema has one, or if it is not zod's, where that is unknown.
 */
export function ownPayload(schema: StandardSchema, parsed: unknown): unknown {
  let shares = defaulted.get(schema);
  if (shares === undefined) {
    shares =
      !isZod(schema) || someSchema(schema, ({ type }) => type === 'default' || type === 'prefault' || type === 'catch');
    defaulted.set(schema, shares);
  }
  return shares ? copied(parsed) : parsed;
}

function copied(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copied);
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, copied(entry)]));
}
