/** How much a drain holds at once, and what the time left admits. Pure. */
import { LIMITS } from './limits.ts';

/** What a second of work is claimed for: an urgent job never waits behind more than that. */
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
 * How many exchanges of a drain may be on their way at once: one that Postgres works on, one that brings the next batch
 * meanwhile, and as many more as fit into the way. A drain near its database gains nothing by more, and costs the other
 * drains: each claim has to pass what all of them hold. Among many Postgres always has somebody's exchange to work on, so that
 * each does with one less.
 */
export function exchangesInFlight(exchange: { onTheWayMs: number; tookMs: number; peers: number }): number {
  const atLeast = exchange.peers >= MANY_PEERS ? 1 : 2;
  return Math.min(atLeast + Math.floor(exchange.onTheWayMs / Math.max(exchange.tookMs, 0.5)), MOST_IN_FLIGHT);
}

/** What the concurrency finishes in about a second: 1 to 1000 jobs. */
function jobsPerSecond({ concurrency, meanRunMs }: Throughput): number {
  if (meanRunMs === null) return Math.min(concurrency, LIMITS.exchangeJobs);
  return Math.max(1, Math.min(Math.floor((concurrency * BATCH_MS) / Math.max(meanRunMs, 0.1)), LIMITS.exchangeJobs));
}

/** How many jobs a claim asks for, and how many outcomes are worth an exchange of their own. */
export function batchSize(pace: Throughput): number {
  return Math.min(jobsPerSecond(pace), pace.maxBatch);
}

/**
 * How many jobs a drain may hold, running and waiting: slow jobs only what runs, quick ones a second of work and a second
 * claimed ahead of it, if the exchanges in flight can carry as many.
 */
export function maxClaimed(pace: Throughput, maxInFlight: number): number {
  if (pace.meanRunMs === null || pace.meanRunMs >= BATCH_MS) return pace.concurrency;
  const second = jobsPerSecond(pace);
  const batch = batchSize(pace);
  return Math.min(second + Math.max(second, pace.concurrency), Math.max(maxInFlight * batch, batch + pace.concurrency));
}

/** How much time a job must have before it: its timeout, or less where its type is known to be quicker or resumes. */
export function timeNeededMs(job: { timeoutMs: number; resumable: boolean }, longestRunMs: number): number {
  return Math.min(job.timeoutMs, longestRunMs, job.resumable ? SLICE_MS : Number.POSITIVE_INFINITY);
}

/**
 * What a run of `runMs` says about its type. One that the drain's end cut would have needed longer, nobody knows how much: it
 * asks for half of the drain's working time: the next one of that length starts it early, and never finds it too long to start.
 */
export function timeLearntMs(runMs: number, wasCut: boolean, workMs: number): number {
  return wasCut ? Math.min(runMs, workMs / 2) : runMs;
}
