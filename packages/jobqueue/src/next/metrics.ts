/** The route that Prometheus scrapes. */
import { bearer, handler, type QueueSource, type RoutedQueue, type RouteHandler, type RouteOptions } from './route.ts';

/** The part of a queue that `metricsRoute` uses. */
export interface MeasuredQueue extends RoutedQueue {
  metrics(): Promise<string>;
}

const TEXT_FORMAT = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * Answers the queue's numbers in Prometheus' text format, one statement a scrape. `METRICS_SECRET` opens it, or `OPERATOR_SECRET` where that is unset or
 * empty. A METRICS_SECRET that is too short opens nothing.
 */
export function metricsRoute(
  queue: QueueSource<MeasuredQueue>,
  options: RouteOptions = {},
): { readonly GET: RouteHandler } {
  const variable = () => (process.env.METRICS_SECRET ? 'METRICS_SECRET' : 'OPERATOR_SECRET');
  const scrape = handler(queue, {
    guard: (request) => bearer(variable(), options)(request),
    serve: async ({ queue }) => new Response(await queue.metrics(), { headers: { 'content-type': TEXT_FORMAT } }),
  });
  return { GET: scrape };
}
