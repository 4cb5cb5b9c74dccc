/** Computes how many jobs a drain holds at once, and which jobs the remaining time admits. Pure. */
import { LIMITS } from './limits.ts';

/** The work that a claim takes, in time: an urgent job never waits behind more than that. */
const BATCH_MS = 1_000;
/** A resumable job makes progress in any slice of this length, however long its whole run takes. */
export const SLICE_MS = 5_000;

export interface Throughput {
  readonly concurrency: number;
  readonly maxBatch: number;
  /** Mean run time of recent jobs in ms; null before the first has ended. */
  readonly meanRunMs: number | null;
}

/** As many as a pool has connections. */
const MOST_IN_FLIGHT = 4;

/** So many other drains keep the processors of a usual database busy. */
const MANY_PEERS = 2;

/**
 * The most exchanges of a drain in flight: one that Postgres works on, one that brings the next batch meanwhile, and as many more
 * as fit into the network's delay. More would gain a drain near its database nothing, and would cost other drains, because each
 * claim has to pass all held jobs. With many peers Postgres is always busy, so each drain uses one less.
 */
export function exchangesInFlight(exchange: { onTheWayMs: number; tookMs: number; peers: number }): number {
  const atLeast = exchange.peers >= MANY_PEERS ? 1 : 2;
  return Math.min(atLeast + Math.floor(exchange.onTheWayMs / Math.max(exchange.tookMs, 0.5)), MOST_IN_FLIGHT);
}

/** Jobs that finish in about a second at this concurrency: 1 to 1000. */
function jobsPerSecond({ concurrency, meanRunMs }: Throughput): number {
  if (meanRunMs === null) return Math.min(concurrency, LIMITS.exchangeJobs);
  return Math.max(1, Math.min(Math.floor((concurrency * BATCH_MS) / Math.max(meanRunMs, 0.1)), LIMITS.exchangeJobs));
}

/** The number of jobs that a claim asks for, and of outcomes that are worth an exchange of their own. */
export function batchSize(pace: Throughput): number {
  return Math.min(jobsPerSecond(pace), pace.maxBatch);
}

/**
 * The most jobs that a drain may hold, running and waiting: for slow jobs the running ones; for quick jobs a second of work plus
 * a second claimed ahead, if the exchanges in flight can carry as many.
 */
export function maxClaimed(pace: Throughput, maxInFlight: number): number {
  if (pace.meanRunMs === null || pace.meanRunMs >= BATCH_MS) return pace.concurrency;
  const second = jobsPerSecond(pace);
  const batch = batchSize(pace);
  return Math.min(second + Math.max(second, pace.concurrency), Math.max(maxInFlight * batch, batch + pace.concurrency));
}

/** The time that a job needs before the deadline: its timeout, or less if its type is known to be faster or resumes. */
export function timeNeededMs(job: { timeoutMs: number; resumable: boolean }, longestRunMs: number): number {
  return Math.min(job.timeoutMs, longestRunMs, job.resumable ? SLICE_MS : Number.POSITIVE_INFINITY);
}

/**
 * The time that a run of `runMs` suggests for its type. If the drain's end aborted the run, its full duration is unknown: half of
 * the drain's working time is assumed, so the next long run starts early in a drain and is never refused.
 */
export function timeLearntMs(runMs: number, wasCut: boolean, workMs: number): number {
  return wasCut ? Math.min(runMs, workMs / 2) : runMs;
}
