/** A payload on its way into the table and out of it: checked by the schema of its type both times. Pure. */
import { core, type z } from 'zod';
import { type Issue, QueueError } from './errors.ts';
import { jsonKeeps } from './json.ts';
import { LIMITS } from './limits.ts';
import { shownIssues } from './redact.ts';
import { someSchema } from './schemas.ts';
import { bytesOf } from './serialize.ts';

interface Checked {
  readonly type: string;
  readonly payload: z.ZodType;
}

/**
 * The payload as JSON text. It is stored as the caller gave it; the handler gets what the schema makes of that JSON. So both
 * must fit the schema: the value of the caller, and what JSON gives back of it. `at` is the path to the job, for the message.
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
  const parsed = parseNow(job, payload);
  if (parsed.success) return;
  const issues = parsed.error.issues.map((issue) => {
    const change = changeOf(valueAt(given, issue.path), valueAt(payload, issue.path));
    return { ...issue, message: `${issue.message}${change}` };
  });
  const shown = shownIssues(job.payload, payload, issues);
  throw refused(
    job,
    shown.map(({ path, message }) => ({ path: `${at}payload${path && '.'}${path}`, message })),
  );
}

function parseNow({ type, payload: schema }: Checked, payload: unknown) {
  try {
    return schema.safeParse(payload);
  } catch (error) {
    if (!(error instanceof core.$ZodAsyncError)) throw error;
    throw new QueueError('job_definition_invalid', `defineJob('${type}'): ${NOT_ASYNCHRONOUS}`, { cause: error });
  }
}

export const NOT_ASYNCHRONOUS =
  'expected a payload schema without asynchronous checks and transforms, got one that answers with a promise: let the handler do them';

/** True if a check or a transform of the schema is an async function. One that hands out a promise all the same is seen by the first parse. */
export function answersLater(schema: z.ZodType): boolean {
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

const defaulted = new WeakMap<z.ZodType, boolean>();

/**
 * What a schema made of a stored payload, for one run alone: a default or a fallback of `catch` is the same object in each
 * parse, so lists and plain objects are copied where the schema has one.
 */
export function ownPayload(schema: z.ZodType, parsed: unknown): unknown {
  let shares = defaulted.get(schema);
  if (shares === undefined) {
    shares = someSchema(schema, ({ type }) => type === 'default' || type === 'prefault' || type === 'catch');
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
