/** The route that the platform's tick calls. */
import type { DrainReport } from '../core/drain-report.ts';
import type { DrainOptions } from '../drain/drain-options.ts';
import { MethodNotAllowedError } from './http-error.ts';
import { deadlineOf } from './platform.ts';
import { bearer, handler, type QueueSource, type RoutedQueue, type RouteHandler, type RouteOptions } from './route.ts';
import { tickOf } from './tick.ts';

/** The part of a queue that `cronRoute` uses. */
export interface DrainedQueue extends RoutedQueue {
  drain(options?: DrainOptions): Promise<DrainReport>;
}

/**
 * Drains the queue at each tick and answers the report as JSON. `CRON_SECRET` opens it: as a bearer token, compared in constant time; while it
 * is unset or shorter than 16 characters the route stays closed (503). GET is what Vercel's crons send, POST what its newer schedules send. The
 * drain ends before the platform's deadline, or after the queue's `maxDurationMs`. A database that never answers is a 500. A request with
 * the header `x-jobqueue-probe`, which `doctor --url` sends, is answered `{ probe: true }` and drains nothing.
 *
 *     // app/api/cron/drain/route.ts
 *     export const maxDuration = 300;
 *     export const { GET, POST } = cronRoute(queue);
 */
export function cronRoute(
  queue: QueueSource<DrainedQueue>,
  options: RouteOptions = {},
): { readonly GET: RouteHandler; readonly POST: RouteHandler } {
  const authorized = bearer('CRON_SECRET', options);
  const drain = handler(queue, {
    guard: (request) => {
      // Next.js answers HEAD by calling GET: a drain is no question.
      if (request.method === 'HEAD') throw new MethodNotAllowedError('HEAD', ['GET', 'POST']);
      authorized(request);
    },
    serve: async ({ request, queue, startedAtMs }) => {
      if (request.headers.has('x-jobqueue-probe')) return Response.json({ probe: true });
      const deadline = deadlineOf(startedAtMs, queue.maxDurationMs);
      return Response.json(await queue.drain({ ...tickOf(request), source: 'cron', deadline, maySleep: true }));
    },
  });
  return { GET: drain, POST: drain };
}
