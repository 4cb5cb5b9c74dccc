/** The route of an operator's drain. */
import type { DrainReport } from '../core/drain-report.ts';
import { boolean, field, integer, list, name, object, optional } from '../core/fields.ts';
import type { DrainOptions } from '../drain/drain-options.ts';
import type { Operators } from '../operations/operations.ts';
import { readJson } from './body.ts';
import { ROUTE_LIMITS } from './limits.ts';
import { deadlineOf } from './platform.ts';
import {
  bearer,
  type Call,
  handler,
  type QueueSource,
  type RoutedQueue,
  type RouteHandler,
  type RouteOptions,
} from './route.ts';

/** The part of a queue that `drainRoute` uses. */
export interface OperatorDrainedQueue extends RoutedQueue, Pick<Operators, 'audit' | 'checkNames' | 'preview'> {
  readonly jobs: readonly unknown[];
  drain(options?: DrainOptions): Promise<DrainReport>;
}

/**
 * Drains on request, with filters and a budget: POST `{ queue?, types?, limit?, budgetMs?, concurrency?, dryRun?, includePaused? }`, or no body at all
 * to drain everything. Answers the report, or with `dryRun` what would be claimed, and `warnings` for names that nothing knows. `OPERATOR_SECRET` opens it.
 * Each call is in the audit log with its filters.
 */
export function drainRoute(
  queue: QueueSource<OperatorDrainedQueue>,
  options: RouteOptions = {},
): { readonly POST: RouteHandler } {
  const serve = async ({ request, queue, startedAtMs }: Call<OperatorDrainedQueue>) => {
    const deadline = deadlineOf(startedAtMs, queue.maxDurationMs);
    const { dryRun, ...asked } = await readJson(request, drainRequest(queue), { maxBytes: ROUTE_LIMITS.requestBytes });
    const { limit: _, budgetMs: __, concurrency: ___, ...filter } = asked;
    const warnings = await queue.checkNames(filter);
    await queue.audit({ actor: 'operator', action: dryRun ? 'drain.dry_run' : 'drain', details: asked });
    const answer = await (dryRun ? queue.preview(filter) : queue.drain({ ...asked, source: 'operator', deadline }));
    return Response.json({ ...answer, warnings });
  };
  return { POST: handler(queue, { guard: bearer('OPERATOR_SECRET', options), serve }) };
}

function drainRequest({ jobs, maxDurationMs }: OperatorDrainedQueue) {
  const asked = object({
    queue: optional(name),
    types: optional(list(name, Math.max(1, jobs.length))),
    limit: optional(integer(1, ROUTE_LIMITS.drainJobs)),
    budgetMs: optional(integer(100, maxDurationMs)),
    concurrency: optional(integer(1, ROUTE_LIMITS.drainConcurrency)),
    dryRun: optional(boolean, false),
    includePaused: optional(boolean, false),
  });
  // No body at all drains everything, as one types it in an incident.
  return field<NonNullable<ReturnType<typeof asked.read>>>(asked.jsonSchema, (given, refuse) =>
    asked.read(given === undefined ? {} : given, refuse),
  );
}
