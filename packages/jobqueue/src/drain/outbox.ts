/** The outcomes of a drain on their way to Postgres: which wait, since when and how large, which are unconfirmed. No I/O. */
import { LIMITS } from '../core/limits.ts';
import { type Outcome, settle } from '../core/settle.ts';
import type { DrainRun } from './drain-run.ts';
import { type Ended, type Execution, outcomeBytes } from './execution.ts';
import { wakePeers } from './process-peers.ts';

/** An outcome is in one of three places: it waits, it is unconfirmed, or it is confirmed or given up and no longer here. */
export class Outbox {
  readonly #run: Pick<DrainRun, 'report' | 'jobLog'>;
  #waiting: Ended[] = [];
  #oldestAtMs = 0;
  /** On their way, exchange by exchange. */
  readonly #unconfirmed = new Set<readonly Ended[]>();
  #suspects = 0;

  constructor(run: Pick<DrainRun, 'report' | 'jobLog'>) {
    this.#run = run;
  }

  /** Outcomes that wait. */
  get size(): number {
    return this.#waiting.length;
  }

  /** The instant at which the first of those that wait ended; null if none waits. */
  get oldestAtMs(): number | null {
    return this.#waiting.length === 0 ? null : this.#oldestAtMs;
  }

  get hasUnconfirmed(): boolean {
    return this.#unconfirmed.size > 0;
  }

  /** A suspect has ended, but Postgres has not confirmed it: should the process die now, the suspect would be convicted. */
  get holdsSuspect(): boolean {
    return this.#suspects > 0;
  }

  /** Outcomes that wait; the report counts them as they will be once stored. */
  get waiting(): readonly Ended[] {
    return this.#waiting;
  }

  /** `keepLease`: the handler still runs, so the lease must be left to end by itself. */
  add(execution: Execution, outcome: Outcome, keepLease: boolean): void {
    const { report, jobLog } = this.#run;
    if (execution.abortReason === 'revoked') {
      report.lost++; // the fence is another's: nothing to settle
      jobLog?.lost(execution);
      if (execution.isSuspect) wakePeers();
      return;
    }
    if (execution.isSuspect) this.#suspects++;
    if (this.#waiting.length === 0) this.#oldestAtMs = performance.now();
    const { retry } = execution.definition;
    this.#waiting.push({ execution, settlement: settle(execution.counters, outcome, Math.random, retry), keepLease });
  }

  /**
   * As many as one exchange may carry; unconfirmed until `finish`. Two of one job, which a drain has if it took a job over from itself, go
   * one after the other: the answer names lost outcomes by their jobs.
   */
  take(): readonly Ended[] {
    let bytes = 0;
    const jobs = new Set<string>();
    for (const ended of this.#waiting.slice(0, LIMITS.exchangeJobs)) {
      bytes += outcomeBytes(ended);
      const { id } = ended.execution.claimed;
      if (jobs.has(id) || (jobs.size > 0 && bytes > LIMITS.exchangeBytes)) break;
      jobs.add(id);
    }
    const n = jobs.size;
    const taken = this.#waiting.splice(0, n);
    if (n > 0) this.#unconfirmed.add(taken);
    return taken;
  }

  /** The exchange that took them along is over. */
  finish(taken: readonly Ended[]): void {
    this.#unconfirmed.delete(taken);
    const suspects = taken.filter(({ execution }) => execution.isSuspect).length;
    this.#suspects -= suspects;
    if (suspects > 0) wakePeers();
  }

  /** Their exchange failed. Counted once: when the drain gave up waiting for them, the report has said so already. */
  fail(taken: readonly Ended[]): void {
    if (this.#unconfirmed.delete(taken)) this.#noteUnconfirmed(taken);
  }

  /** Gives up those that wait: their leases end, and another drain takes the jobs. */
  giveUpWaiting(): void {
    this.#noteUnconfirmed(this.#waiting.splice(0));
  }

  /** The drain ends: nobody waits any longer for an answer. */
  giveUp(): void {
    this.giveUpWaiting();
    for (const taken of this.#unconfirmed) this.#noteUnconfirmed(taken);
    this.#unconfirmed.clear();
  }

  #noteUnconfirmed(ended: readonly Ended[]): void {
    const { report, jobLog } = this.#run;
    report.unconfirmed += ended.length;
    for (const { execution } of ended) jobLog?.unconfirmed(execution);
  }
}
