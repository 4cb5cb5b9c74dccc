/** POST and GET /api/jobs: enqueue one job or many, all or nothing, and ask what became of one. */

import { type JobView, LIMITS } from '@conversure/jobqueue';
import { authorize } from '@conversure/jobqueue/next';
import { z } from 'zod';
import { EDGE_LIMITS } from '../lib/config.ts';
import { anyObject, instant } from '../lib/fields.ts';
import { parse, readJson, readQuery } from '../lib/http/body.ts';
import { endpoint, HttpError } from '../lib/http/errors.ts';
import { queue } from '../lib/queue/index.ts';

const job = z.strictObject({
  type: z.string(),
  payload: z.unknown(),
  options: z
    .strictObject({
      priority: z.number().exactOptional(),
      idempotencyKey: z.string().exactOptional(),
      maxAttempts: z.number().exactOptional(),
      scheduledFor: instant.exactOptional(),
      queue: z.string().exactOptional(),
    })
    .default({}),
});
const jobs = z.array(job).min(1).max(LIMITS.batchJobs);

export const POST = endpoint(async (request) => {
  authorize(request, 'QUEUE_API_KEY');
  const body = await readJson(request, anyObject, { maxBytes: EDGE_LIMITS.jobsBodyBytes });
  const key = request.headers.get('idempotency-key');
  if (!('jobs' in body)) {
    const [added] = await enqueue([withKey(parse(job, body, 'body'), key)]);
    if (added?.differs) throw keyReused(added.id);
    return Response.json(added, { status: added?.duplicate ? 200 : 201 });
  }
  if (key !== null)
    throw new HttpError(400, 'option_invalid', 'Idempotency-Key belongs to one job; give each of `jobs` its own.');
  return Response.json({ jobs: await enqueue(parse(z.strictObject({ jobs }), body, 'body').jobs) });
});

const lookUp = z.strictObject({
  id: z.string().regex(/^\d+$/, 'expected the id of a job'),
  payload: z.literal('true').exactOptional(),
});

export const GET = endpoint(async (request) => {
  const whole = new URL(request.url).searchParams.has('payload');
  authorize(request, whole ? 'OPERATOR_SECRET' : 'QUEUE_API_KEY');
  const { id } = readQuery(request, lookUp);
  const found = await queue.getJob(id);
  if (found === null) throw new HttpError(404, 'not_found', 'There is no job with this id, or its history was pruned.');
  if (!whole) return Response.json(forTheEnqueuer(found));
  await queue.audit({ actor: 'operator', action: 'job.payload_read', details: { id } });
  return Response.json({ ...found, payload: queue.shown(found.type, found.payload) });
});

/** Whoever may enqueue may not read what others enqueued, nor where in our code it failed. */
function forTheEnqueuer({ payload, state, errors, ...shown }: JobView): object {
  return { ...shown, errors: errors.map(({ stack, ...told }) => told) };
}

interface Added {
  readonly id: string;
  readonly duplicate?: true;
  readonly differs?: true;
}

async function enqueue(entries: z.output<typeof jobs>): Promise<readonly Added[]> {
  // The compiler cannot know the payloads of strangers; the queue checks each against its type's schema.
  const added = await queue.addJobs(entries as Parameters<typeof queue.addJobs>[0]);
  return added.map(({ duplicate, ...rest }) => (duplicate ? { ...rest, duplicate } : rest));
}

/** Nothing was added: the caller has used one key for two things. */
function keyReused(holder: string): HttpError {
  const message = `differs from the payload of job ${holder}, which holds the idempotency key`;
  return new HttpError(409, 'idempotency_key_reused', `The payload ${message}. A new job needs a key of its own.`, [
    { path: 'payload', message },
  ]);
}

function withKey(entry: z.output<typeof job>, key: string | null): z.output<typeof job> {
  const { idempotencyKey = key } = entry.options;
  if (key === null || idempotencyKey === null) return entry;
  if (key === idempotencyKey) return { ...entry, options: { ...entry.options, idempotencyKey } };
  throw new HttpError(
    400,
    'option_invalid',
    'Idempotency-Key and options.idempotencyKey differ: give one, or the same.',
  );
}
