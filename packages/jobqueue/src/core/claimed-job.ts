/** A claimed job, the way it comes from Postgres: what the drain runs and what a tracer hears of. */

/** The jobs of one claim and lane, which Postgres keeps as one row. */
export interface Batch {
  readonly id: string;
  /** Jobs. */
  readonly size: number;
}

/** A job as an exchange hands it over. `attempt` counts the attempts that ended; the coming run is the next one. */
export interface ClaimedJob {
  readonly batch: Batch;
  /** In the batch, from 1. */
  readonly position: number;
  /** Both, as exchanges name the job. */
  readonly place: string;
  readonly id: string;
  readonly fence: number;
  readonly type: string;
  readonly queue: string;
  readonly priority: number;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly rescues: number;
  readonly interruptions: number;
  readonly idempotencyKey: string | null;
  readonly createdAt: string;
  readonly dueAt: string;
  readonly payload: unknown;
  readonly state: unknown;
  readonly meta: JobMeta | null;
}

/** Data of a job beside its payload. */
export interface JobMeta {
  /** The schedule that it comes from, and the instant, ISO in UTC. */
  readonly schedule?: string;
  readonly slot?: string;
  /** The trace of the one who enqueued it, as W3C writes it. */
  readonly traceparent?: string;
  /** A rate limit sent it away before: it takes a token before those that come for the first time. */
  readonly postponed?: boolean;
  /** The id of the job that waits for this one. */
  readonly parent?: string;
  /** Set for a parent that also runs if children ended without completing. */
  readonly whenChildFails?: 'run';
}
