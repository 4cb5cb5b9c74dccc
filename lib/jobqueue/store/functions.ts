/** What this code calls in Postgres, with the types that it passes: the health check looks whether all of it is installed. */

export const FUNCTIONS = [
  'jobqueue.step_1(jsonb,bigint[],jsonb,jsonb,jsonb,jsonb)',
  'jobqueue.add_jobs(jsonb)',
  'jobqueue.health_1(jsonb)',
  'jobqueue.watch_1(jsonb)',
] as const;
