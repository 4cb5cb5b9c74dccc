/** Route handlers for Next.js and for functions of the platform, and what guards them. */

export { acceptedSecrets, authorize, type GivenSecrets, hasBearer, opens, type SecretSource } from './auth.ts';
export { parse, readBytes, readForm, readJson, readQuery } from './body.ts';
export { cronRoute, type DrainedQueue } from './cron.ts';
export { drainRoute, type OperatorDrainedQueue } from './drain.ts';
export {
  databaseFailure,
  type EndpointOptions,
  endpoint,
  isRefusedByDatabase,
  MAX_ADDRESS_CHARS,
  refusal,
} from './errors.ts';
export { healthRoute, type WatchedQueue } from './health.ts';
export { HttpError, MethodNotAllowedError, NotConfiguredError } from './http-error.ts';
export { type EnqueuingQueue, type JobsRouteOptions, jobsRoute } from './jobs.ts';
export { kickAfter } from './kick.ts';
export { ROUTE_LIMITS } from './limits.ts';
export { type MeasuredQueue, metricsRoute } from './metrics.ts';
export { operatorRoute } from './operator.ts';
export { requestDeadline } from './platform.ts';
export type { QueueSource, RoutedQueue, RouteHandler, RouteOptions } from './route.ts';
export { sharedAnswer } from './shared-answer.ts';
export { tickOf } from './tick.ts';
export { wrongTry } from './wrong-tries.ts';
