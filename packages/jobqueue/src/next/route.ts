/** Shared by all routes: the source of the queue, the order of checks, and the handling of failures. */
import { type Log, logToStderr } from '../core/log.ts';
import { authorize, type SecretSource } from './auth.ts';
import { endpoint } from './errors.ts';

/** A web-standard request handler: an export of a Next.js route, or of a function in `api/`. */
export type RouteHandler = (request: Request) => Promise<Response>;

/** The queue, or a function that gives it, so that importing a route imports no queue: `() => import('./queue.ts').then((m) => m.queue)`. */
export type QueueSource<Queue> = Queue | (() => Queue | Promise<Queue>);

/** Options of a route with one secret. */
export interface RouteOptions {
  /**
   * The secret that opens the route, instead of its environment variable: 16 to 512 visible ASCII characters. A route whose option is
   * undefined or too weak stays closed (503).
   */
  readonly secret?: string | undefined;
}

/** The part of a queue that every route needs. */
export interface RoutedQueue {
  readonly log: Log;
  readonly maxDurationMs: number;
}

/** A call, as a route sees it. */
export interface Call<Queue> {
  readonly request: Request;
  readonly queue: Queue;
  /** When the request came in, as `Date.now()`: a deadline counts from here. */
  readonly startedAtMs: number;
}

interface Route<Queue> {
  /** Throws an HttpError unless the request may pass. Runs before the queue is loaded and before the body is read. */
  readonly guard: (request: Request) => void;
  readonly serve: (call: Call<Queue>) => Promise<Response>;
}

/** Makes a handler of a route. */
export function handler<Queue extends RoutedQueue>(
  source: QueueSource<Queue>,
  { guard, serve }: Route<Queue>,
): RouteHandler {
  const load = async () => (isFunction(source) ? source() : source);
  const log: Log = (...line) => {
    if (!isFunction(source)) return source.log(...line);
    // A queue that cannot be loaded is what this line may be about.
    void load().then(
      (queue) => queue.log(...line),
      () => logToStderr(...line),
    );
  };
  return async (request) => {
    const startedAtMs = Date.now();
    const answer = endpoint(
      async () => {
        guard(request);
        return serve({ request, queue: await load(), startedAtMs });
      },
      { log },
    );
    return answer(request);
  };
}

/** The guard of a route that one secret opens. */
export function bearer(variable: string, options: RouteOptions): (request: Request) => void {
  const source: SecretSource =
    'secret' in options ? { name: `the option 'secret' (instead of ${variable})`, values: [options.secret] } : variable;
  return (request) => authorize(request, source);
}

function isFunction<Queue>(source: QueueSource<Queue>): source is () => Queue | Promise<Queue> {
  return typeof source === 'function';
}
