/** The bounds of what the routes read, each with its reason. */

export const ROUTE_LIMITS = {
  /** The platform refuses bodies above 4.5 MB; below that the refusal is ours, in our words. Holds `LIMITS.batchJobs` small jobs. */
  jobsBodyBytes: 4 * 1024 * 1024,
  /** A drain or an operator's action is a handful of filters; anything larger is not one. */
  requestBytes: 64 * 1024,
  /** The queue's own bound for one drain. */
  drainJobs: 1_000_000,
  /** The queue's own bound for jobs that run at once. */
  drainConcurrency: 1_000,
} as const;
