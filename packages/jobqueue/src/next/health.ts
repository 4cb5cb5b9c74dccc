/** The route for uptime monitors: up or not for everyone, the details for the operator. */
import type { Health } from '../monitoring/health.ts';
import { hasBearer } from './auth.ts';
import { databaseFailure } from './errors.ts';
import { bearer, handler, type QueueSource, type RoutedQueue, type RouteHandler, type RouteOptions } from './route.ts';
import { sharedAnswer } from './shared-answer.ts';

/** The part of a queue that `healthRoute` uses. */
export interface WatchedQueue extends RoutedQueue {
  health(): Promise<Health>;
}

/** Anyone may ask, as often as they like: the answer to one is that to all who ask within the same second. */
const SHARED_MS = 1_000;

/**
 * Answers `{ status, checks }`: 200 while every check is green, else 503. Everyone gets the names of the checks; a request with a bearer token has to
 * open `OPERATOR_SECRET` and gets their values. A database that does not answer is a failing check `database`.
 */
export function healthRoute(
  queue: QueueSource<WatchedQueue>,
  options: RouteOptions = {},
): { readonly GET: RouteHandler } {
  const authorized = bearer('OPERATOR_SECRET', options);
  let shared: (() => Promise<Health>) | null = null;
  const answer = handler(queue, {
    guard: (request) => {
      if (hasBearer(request)) authorized(request);
    },
    serve: async ({ request, queue }) => {
      const asOperator = hasBearer(request);
      shared ??= sharedAnswer(() => look(queue), { forMs: SHARED_MS });
      const { status, checks } = await (asOperator ? look(queue) : shared());
      const shown = asOperator ? checks : checks.map(({ name }) => name);
      return Response.json({ status, checks: shown }, { status: status === 'ok' ? 200 : 503 });
    },
  });
  return { GET: answer };
}

async function look(queue: WatchedQueue): Promise<Health> {
  try {
    return await queue.health();
  } catch (error) {
    const failure = databaseFailure(error);
    if (failure === null) throw error;
    queue.log('error', 'health', { error: failure });
    const nothing = { value: null, limit: null, next: null, page: '/', url: null };
    const database = { name: 'database', ok: false, detail: failure.message, ...nothing };
    return { status: 'failing', checks: [database] };
  }
}
