/**
 * When a drain's next exchange goes out, and how many jobs it claims. An exchange is one round trip that settles outcomes, reports
 * running jobs and claims new ones. Pure: no I/O, no clock, no chance.
 */
import { batchSize, maxClaimed, type Throughput } from '../core/capacity.ts';

/** Outcomes wait this long for company before they are settled. */
export const SETTLE_AFTER_MS = 250;
/**
 * While anything is claimed an exchange goes out this often that reports all that runs, whatever others reported in between: a job
 * that was cancelled learns it within 2 s, this plus the accuracy of the loop and a round trip, and so do waiting jobs of a pause.
 */
export const HEARTBEAT_MS = 1_500;

/** Everything that the decision depends on. Instants are of the monotonic clock, ms. */
export interface ExchangeState {
  /** The claimed jobs. */
  readonly jobs: {
    /** Running and waiting. */
    readonly size: number;
    readonly freeSlots: number;
    /** Nothing is claimed, and no handler that ignored its signal still runs. */
    readonly isIdle: boolean;
    /** One of them killed its function before: it runs alone. */
    readonly hasSuspect: boolean;
    /** A checkpoint waits for its commit, or a suspect for its start. */
    readonly hasUrgentUpdate: boolean;
    readonly throughput: Throughput;
  };
  /** Outcomes that no exchange has taken along, and those on their way. */
  readonly outbox: { readonly size: number; readonly oldestAtMs: number | null; readonly hasUnconfirmed: boolean };
  /** Exchanges on their way. */
  readonly pipelining: {
    readonly inFlight: number;
    readonly maxInFlight: number;
    readonly claims: number;
    /** Jobs that those claims may bring. */
    readonly comingJobs: number;
    /** A claim is on its way that may bring a suspect. */
    readonly hasIdleClaim: boolean;
    /** Postgres did not take one at the first try. */
    readonly hasRepeated: boolean;
  };
  /** The answers of earlier claims. */
  readonly claims: {
    /** Cursors into the lanes are known and fresh: there was more to claim. */
    readonly hasCursors: boolean;
    /** The last claim took all that was due. */
    readonly exhausted: boolean;
    /** The last claim met rescued jobs, which take free slots alone. */
    readonly needsSlot: boolean;
    /** The last claim looked at every lane, with nothing else claimed, and found nothing; nothing has come since. */
    readonly knowsNothing: boolean;
    /** The next job falls due then, and is worth waiting for. */
    readonly lingersUntilMs: number | null;
    /** Until the drain's own limit; 0: it claims nothing more. */
    readonly jobsLeft: number;
  };
  /** The other drains of this process. */
  readonly peers: { readonly areIdle: boolean; readonly holdSuspect: boolean };
  readonly lastHeartbeatAtMs: number;
  readonly abortAtMs: number;
}

export interface PlannedClaim {
  readonly limit: number;
  /** Rescued jobs start at once or not at all: so many of them may come. */
  readonly free: number;
  /** Nothing else is claimed, claimed for or unconfirmed: if it finds nothing, there is nothing. */
  readonly alone: boolean;
  /** A suspect may come: it would take nobody else's jobs with it. */
  readonly idle: boolean;
}

export interface ExchangePlan {
  /** An exchange goes out now. */
  readonly send: boolean;
  /** The claim that it carries; null: none. */
  readonly claim: PlannedClaim | null;
  /** Nothing but an event makes an exchange due before, ms from now; at least 1. */
  readonly wakeInMs: number;
}

export function planExchange(state: ExchangeState, now: number): ExchangePlan {
  const wakeInMs = quietForMs(state, now);
  if (state.pipelining.inFlight >= state.pipelining.maxInFlight) return { send: false, claim: null, wakeInMs };
  const claim = planClaim(state);
  const send = isReportDue(state, now) || (claim !== null && isClaimDue(state, claim, now));
  return { send, claim: send ? claim : null, wakeInMs };
}

function planClaim({ jobs, outbox, pipelining, claims, peers }: ExchangeState): PlannedClaim | null {
  if (jobs.hasSuspect || pipelining.hasIdleClaim || peers.holdSuspect) return null;
  if (pipelining.hasRepeated) return null; // while outcomes cannot be stored, more jobs would only run in vain
  const { throughput } = jobs;
  if (throughput.concurrency === 1 && pipelining.claims > 0) return null; // one by one means in order: answers may overtake
  const room = maxClaimed(throughput, pipelining.maxInFlight) - jobs.size - pipelining.comingJobs;
  const limit = Math.min(room, throughput.maxBatch, claims.jobsLeft - pipelining.comingJobs);
  if (limit < 1) return null;
  const alone = jobs.size === 0 && pipelining.claims === 0 && !outbox.hasUnconfirmed;
  return {
    limit,
    free: Math.max(0, jobs.freeSlots - pipelining.comingJobs),
    alone,
    // with cursors there is more to come: suspects wait, and the next claim need not wait for this one's answer
    idle: alone && jobs.isIdle && !claims.hasCursors && peers.areIdle,
  };
}

/** Something must be settled or reported now, with or without a claim. */
function isReportDue({ jobs, outbox, pipelining, lastHeartbeatAtMs }: ExchangeState, now: number): boolean {
  if (jobs.hasUrgentUpdate) return !jobs.hasSuspect || pipelining.inFlight === 0;
  if (outbox.oldestAtMs !== null) {
    if (jobs.size === 0 || outbox.size >= batchSize(jobs.throughput)) return true;
    if (now - outbox.oldestAtMs >= SETTLE_AFTER_MS) return true;
  }
  return jobs.size > 0 && now - lastHeartbeatAtMs >= HEARTBEAT_MS;
}

/** The claim is worth a round trip of its own. */
function isClaimDue({ jobs, outbox, pipelining, claims }: ExchangeState, claim: PlannedClaim, now: number): boolean {
  if (jobs.size > 0 || pipelining.claims > 0) {
    if (claims.needsSlot && claim.free === 0) return false;
    return !claims.exhausted && claim.limit >= batchSize(jobs.throughput);
  }
  if (outbox.hasUnconfirmed && claims.exhausted) return false; // what comes back with them is due once they are stored
  return !claims.knowsNothing || (claims.lingersUntilMs !== null && now >= claims.lingersUntilMs);
}

/** An instant that has passed without making an exchange due will not do so by itself: an event must, and events wake the drain. */
function quietForMs({ outbox, pipelining, claims, abortAtMs }: ExchangeState, now: number): number {
  const settleAtMs = outbox.oldestAtMs === null ? abortAtMs : outbox.oldestAtMs + SETTLE_AFTER_MS;
  const lingerUntilMs = pipelining.inFlight === 0 ? (claims.lingersUntilMs ?? abortAtMs) : abortAtMs;
  const ahead = [settleAtMs, lingerUntilMs].filter((atMs) => atMs > now);
  return Math.max(1, Math.min(...ahead, abortAtMs) - now);
}
