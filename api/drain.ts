/** POST /api/drain: the operator's drain, with filters and a budget. Every call, and with which filters, stands in the audit log. */
import { authorize, requestDeadline } from '@conversure/jobqueue/next';
import { z } from 'zod';
import { EDGE_LIMITS, maxDurationMs } from '../lib/config.ts';
import { name } from '../lib/fields.ts';
import { readJson } from '../lib/http/body.ts';
import { endpoint } from '../lib/http/errors.ts';
import { queue } from '../lib/queue/index.ts';

const drainRequest = z
  .strictObject({
    queue: name.exactOptional(),
    types: z.array(name).min(1).max(queue.jobs.length).exactOptional(),
    limit: z.int().min(1).max(EDGE_LIMITS.drainJobs).exactOptional(),
    budgetMs: z.int().min(100).max(maxDurationMs()).exactOptional(),
    concurrency: z.int().min(1).max(EDGE_LIMITS.drainConcurrency).exactOptional(),
    dryRun: z.boolean().default(false),
    includePaused: z.boolean().default(false),
  })
  .prefault({}); // no body at all: drain everything, as one types it in an incident

export const POST = endpoint(async (request) => {
  const deadline = requestDeadline(maxDurationMs());
  authorize(request, 'OPERATOR_SECRET');
  const { dryRun, ...options } = await readJson(request, drainRequest, { maxBytes: EDGE_LIMITS.drainBodyBytes });
  const { limit: _, budgetMs: __, concurrency: ___, ...filter } = options;
  const warnings = await queue.checkNames(filter);
  await queue.audit({ actor: 'operator', action: dryRun ? 'drain.dry_run' : 'drain', details: options });
  const answer = await (dryRun ? queue.preview(filter) : queue.drain({ ...options, source: 'operator', deadline }));
  return Response.json({ ...answer, warnings });
});
