/** The route of the command line. */
import { type OperatedQueue, perform } from '../operations/perform.ts';
import { operatorRequest } from '../operations/request.ts';
import { readJson } from './body.ts';
import { ROUTE_LIMITS } from './limits.ts';
import { deadlineOf } from './platform.ts';
import { bearer, handler, type QueueSource, type RoutedQueue, type RouteHandler, type RouteOptions } from './route.ts';

/** Long work answers with its progress and is requested again, so the caller sees it advance and no connection times out. */
const SLICE_MS = 20_000;
/** Time reserved for the slice under way and the answer. */
const RESERVE_MS = 5_000;

/**
 * Does what an operator asks for: POST with one action, as `npx @conversure/jobqueue --url` sends it. `OPERATOR_SECRET` opens it. Every change is in
 * the audit log. Long work answers `done: false` after at most 20 s; the same request again does the rest.
 */
export function operatorRoute(
  queue: QueueSource<RoutedQueue & OperatedQueue>,
  options: RouteOptions = {},
): { readonly POST: RouteHandler } {
  const operate = handler(queue, {
    guard: bearer('OPERATOR_SECRET', options),
    serve: async ({ request, queue, startedAtMs }) => {
      const leftMs = deadlineOf(startedAtMs, queue.maxDurationMs).getTime() - Date.now() - RESERVE_MS;
      const action = await readJson(request, operatorRequest, { maxBytes: ROUTE_LIMITS.requestBytes });
      const signal = AbortSignal.timeout(Math.max(1, Math.min(leftMs, SLICE_MS)));
      return Response.json(await perform(queue, action, { signal }));
    },
  });
  return { POST: operate };
}
