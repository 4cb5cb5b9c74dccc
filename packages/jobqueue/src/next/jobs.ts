/** The route for services that enqueue over HTTP and ask what became of a job. */
import { anyObject, anything, field, instant, list, object, oneOf, optional } from '../core/fields.ts';
import { LIMITS } from '../core/limits.ts';
import type { OutputOf } from '../core/standard-schema.ts';
import type { Operators } from '../operations/operations.ts';
import type { JobView } from '../reads/job-view.ts';
import { parse, readJson, readQuery } from './body.ts';
import { HttpError } from './http-error.ts';
import { ROUTE_LIMITS } from './limits.ts';
import { bearer, type Call, handler, type QueueSource, type RoutedQueue, type RouteHandler } from './route.ts';

interface NewJob {
  readonly type: string;
  readonly payload: unknown;
  readonly options?: OutputOf<typeof jobOptions>;
}

interface AddedJob {
  readonly id: string;
  readonly duplicate: boolean;
  readonly differs?: boolean;
}

/** The part of a queue that `jobsRoute` uses. */
export interface EnqueuingQueue extends RoutedQueue, Pick<Operators, 'audit' | 'redactPayload'> {
  addJobs(jobs: readonly NewJob[]): Promise<readonly AddedJob[]>;
  getJob(id: string): Promise<JobView | null>;
}

/** Secrets of `jobsRoute`; default: the environment's, read at each request. */
export interface JobsRouteOptions {
  /** Opens enqueueing and looking up, instead of QUEUE_API_KEY. A weak or undefined one keeps the route closed. */
  readonly secret?: string | undefined;
  /** Opens payloads, instead of OPERATOR_SECRET. */
  readonly operatorSecret?: string | undefined;
}

/** Any text: the queue itself decides about values, with the code of its own refusal. */
const anyText = field<string>({ type: 'string' }, (given, refuse) =>
  typeof given === 'string' ? given : refuse('expected a text'),
);
const anyNumber = field<number>({ type: 'number' }, (given, refuse) =>
  typeof given === 'number' ? given : refuse('expected a number'),
);

const jobOptions = object({
  priority: optional(anyNumber),
  idempotencyKey: optional(anyText),
  maxAttempts: optional(anyNumber),
  scheduledFor: optional(instant),
  queue: optional(anyText),
});
const newJob = object({ type: anyText, payload: anything, options: optional(jobOptions, {}) });
const newJobs = object({ jobs: list(newJob, LIMITS.batchJobs) });

const jobId = field<string>({ type: 'string', pattern: '^\\d+$' }, (given, refuse) =>
  typeof given === 'string' && /^\d+$/.test(given) ? given : refuse('expected the id of a job'),
);
const lookUp = object({ id: jobId, payload: optional(oneOf('true')) });

/**
 * Enqueues and looks up. POST `{ type, payload, options? }` answers 201 with the id, or 200 with the holder's id where the idempotency key already
 * holds (409 if that job's payload differs); the key may come as `Idempotency-Key` header. POST `{ jobs: [...] }` adds up to 10,000 in 4 MB, all or
 * none. GET `?id=` answers the job without payload and stacks. `QUEUE_API_KEY` opens both; `?id=…&payload=true` needs `OPERATOR_SECRET`, hides
 * the payload's secrets and is in the audit log.
 */
export function jobsRoute(
  queue: QueueSource<EnqueuingQueue>,
  options: JobsRouteOptions = {},
): { readonly GET: RouteHandler; readonly POST: RouteHandler } {
  const { operatorSecret } = options;
  const asEnqueuer = bearer('QUEUE_API_KEY', 'secret' in options ? { secret: options.secret } : {});
  const asOperator = bearer('OPERATOR_SECRET', 'operatorSecret' in options ? { secret: operatorSecret } : {});
  return {
    POST: handler(queue, { guard: asEnqueuer, serve: enqueue }),
    GET: handler(queue, {
      guard: (request) => (wantsPayload(request) ? asOperator : asEnqueuer)(request),
      serve: look,
    }),
  };
}

async function enqueue({ request, queue }: Call<EnqueuingQueue>): Promise<Response> {
  const body = await readJson(request, anyObject, { maxBytes: ROUTE_LIMITS.jobsBodyBytes });
  const key = request.headers.get('idempotency-key');
  if ('jobs' in body) {
    if (key !== null)
      throw new HttpError(400, 'option_invalid', 'Idempotency-Key belongs to one job; give each of `jobs` its own.');
    const added = await queue.addJobs(parse(newJobs, body, 'body').jobs);
    return Response.json({ jobs: added.map(shownAdded) });
  }
  const [added] = await queue.addJobs([withKey(parse(newJob, body, 'body'), key)]);
  if (added?.differs) throw keyReused(added.id);
  return Response.json(added && shownAdded(added), { status: added?.duplicate ? 200 : 201 });
}

async function look({ request, queue }: Call<EnqueuingQueue>): Promise<Response> {
  const { id } = readQuery(request, lookUp);
  const found = await queue.getJob(id);
  if (found === null) throw new HttpError(404, 'not_found', 'There is no job with this id, or its history was pruned.');
  if (!wantsPayload(request)) return Response.json(forTheEnqueuer(found));
  await queue.audit({ actor: 'operator', action: 'job.payload_read', details: { id } });
  return Response.json({ ...found, payload: queue.redactPayload(found.type, found.payload) });
}

function wantsPayload({ url }: Request): boolean {
  return new URL(url).searchParams.has('payload');
}

/** Whoever may enqueue may not read what others enqueued, nor where in the app's code it failed. */
function forTheEnqueuer({ payload, state, errors, ...shown }: JobView): object {
  return { ...shown, errors: errors.map(({ stack, ...told }) => told) };
}

function shownAdded({ duplicate, ...rest }: AddedJob): object {
  return duplicate ? { ...rest, duplicate } : rest;
}

/** Nothing was added: the caller has used one key for two things. */
function keyReused(holder: string): HttpError {
  const message = `differs from the payload of job ${holder}, which holds the idempotency key`;
  return new HttpError(409, 'idempotency_key_reused', `The payload ${message}. A new job needs a key of its own.`, [
    { path: 'payload', message },
  ]);
}

type ReadJob = OutputOf<typeof newJob>;

function withKey(entry: ReadJob, key: string | null): ReadJob {
  const { idempotencyKey = key } = entry.options;
  if (key === null || idempotencyKey === null) return entry;
  if (key === idempotencyKey) return { ...entry, options: { ...entry.options, idempotencyKey } };
  throw new HttpError(
    400,
    'option_invalid',
    'Idempotency-Key and options.idempotencyKey differ: give one, or the same.',
  );
}
