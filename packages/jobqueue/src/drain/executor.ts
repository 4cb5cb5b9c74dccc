/** Runs the claimed jobs of one drain: starts a job when capacity and time allow, aborts it at its timeout. */

import { batchSize, type Throughput, timeLearntMs, timeNeededMs } from '../core/capacity.ts';
import { byPlace } from '../core/lane-order.ts';
import { meanAfter } from '../core/mean.ts';
import { scrubError } from '../core/scrub-error.ts';
import type { Outcome } from '../core/settle.ts';
import type { QueueAndType } from '../postgres/statements/exchange.ts';
import type { DrainRun } from './drain-run.ts';
import type { Execution, RunUpdate } from './execution.ts';
import type { Outbox } from './outbox.ts';
import type { AbortReason } from './run-handler.ts';
import { TokenGate } from './token-gate.ts';

/** A handler has this long to react to its signal before its slot is written off. */
const REACT_MS = 2_000;
/**
 * So long after the last exchange that Postgres answered was sent nothing starts: it may have been paused since. While anything is held, an exchange
 * goes out more often (see HEARTBEAT_MS), so this only ever waits for an answer that is late.
 */
const UNHEARD_MS = 2_000;
/** An answer that is later than that counts for a moment, or a slow database would have all claimed and nothing started. */
const LATE_MS = 100;
/** A lease must outlast its job by this much, or another drain could take it while it runs. */
const LEASE_SLACK_MS = 5_000;

export class JobExecutor {
  readonly #run: DrainRun;
  readonly #outbox: Outbox;
  readonly #gate: TokenGate;
  readonly #waiting: Execution[] = [];
  readonly #running = new Set<Execution>();
  readonly #startedTypes = new Set<string>();
  /** Longest runs seen by other drains. Kept only as long as this drain, so that a type that became faster is noticed. */
  #recentRunMs: Readonly<Record<string, number>> = {};
  /** Handlers that ignored their signal: their outcome is decided, but they still take a slot. */
  #zombies = 0;
  #suspect: Execution | null = null;
  #meanRunMs: number | null = null;
  #stopped = false;
  #heardAtMs = Number.NEGATIVE_INFINITY;

  constructor(run: DrainRun, outbox: Outbox) {
    this.#run = run;
    this.#outbox = outbox;
    this.#gate = new TokenGate(run.limiter, run.wake);
  }

  get size(): number {
    return this.#running.size + this.#waiting.length;
  }

  get running(): ReadonlySet<Execution> {
    return this.#running;
  }

  get isEmpty(): boolean {
    return this.size === 0;
  }

  /** No slot is left that could ever run something. */
  get unresponsive(): boolean {
    return this.#zombies >= this.#run.concurrency;
  }

  /** Nothing runs here, not even what should have ended. */
  get isIdle(): boolean {
    return this.size + this.#zombies === 0;
  }

  get freeSlots(): number {
    return Math.max(0, this.#run.concurrency - this.size - this.#zombies);
  }

  get hasSuspect(): boolean {
    return this.#suspect !== null;
  }

  get throughput(): Throughput {
    const { concurrency, maxBatch } = this.#run;
    return { concurrency, maxBatch, meanRunMs: this.#meanRunMs };
  }

  hasStarted(type: string): boolean {
    return this.#startedTypes.has(type);
  }

  take(jobs: readonly Execution[], now: number): void {
    for (const execution of jobs) {
      if (execution.isSuspect) this.#suspect = execution;
      this.#waiting.push(execution);
    }
    this.#waiting.sort((a, b) => byPlace(a.claimed, b.claimed));
    if (this.#stopped) this.giveBackWaiting();
    else this.start(now);
  }

  start(now: number): void {
    const { concurrency, includePaused } = this.#run;
    if (this.#stopped || (!includePaused && now - this.#heardAtMs >= UNHEARD_MS)) return;
    let n = 0; // those before it wait for a token, and others may pass them
    while (n < this.#waiting.length && this.#running.size + this.#zombies < concurrency) {
      const execution = this.#waiting[n] as Execution;
      if (execution === this.#suspect && !execution.isReported) return; // Postgres learns that it runs before it can do harm
      const hasSlot = n < concurrency - this.#running.size - this.#zombies;
      const refusal =
        this.#unfit(execution, now) ??
        (execution.definition.rateLimit === null ? null : this.#gate.tryAcquire(execution, hasSlot, now));
      if (refusal === 'wait') {
        n++;
        continue;
      }
      if (n === 0) this.#waiting.shift();
      else this.#waiting.splice(n, 1);
      if (refusal === null) this.#begin(execution, now);
      else this.#end(execution, refusal);
    }
  }

  /** Aborts what ran past its timeout, and writes off what did not react to its signal. */
  sweep(now: number): void {
    for (const execution of this.#running) {
      if (execution.abortReason === null && now - (execution.startedAtMs ?? now) >= execution.definition.timeoutMs)
        execution.abort('timeout', now);
      if (execution.abortAtMs !== null && now - execution.abortAtMs >= REACT_MS) this.#abandon(execution);
    }
  }

  /** Starts nothing more: what waits goes back free, what runs is told to end. */
  stop(cut: AbortReason, now: number): void {
    this.#stopped = true;
    this.giveBackWaiting();
    for (const execution of this.#running) execution.abort(cut, now);
  }

  giveBackWaiting(): void {
    this.#giveBack(this.#waiting.splice(0));
  }

  /** The queues and types that wait here; Postgres says which of them are paused. */
  get waiting(): readonly QueueAndType[] {
    const found = new Map<string, QueueAndType>();
    if (this.#run.includePaused) return [];
    for (const { claimed } of this.#waiting)
      found.set(laneOf(claimed.queue, claimed.type), [claimed.queue, claimed.type]);
    return [...found.values()];
  }

  /** Postgres has answered an exchange that was sent at `sentAtMs`: what waits and was paused since it was claimed goes back. */
  onAnswer(paused: readonly QueueAndType[], { sentAtMs, now }: { sentAtMs: number; now: number }): void {
    this.#heardAtMs = Math.max(this.#heardAtMs, sentAtMs, now - UNHEARD_MS + LATE_MS);
    if (paused.length === 0) return;
    const lanes = new Set(paused.map(([queue, type]) => laneOf(queue, type)));
    const isPaused = ({ claimed }: Execution) => lanes.has(laneOf(claimed.queue, claimed.type));
    const back = this.#waiting.filter(isPaused);
    this.#waiting.splice(0, this.#waiting.length, ...this.#waiting.filter((execution) => !isPaused(execution)));
    this.#giveBack(back);
  }

  /** The jobs that wait here; Postgres says which of them are no longer ours. Those that run it hears of with the updates. */
  get held(): readonly Execution[] {
    return [...this.#waiting];
  }

  /** The job was cancelled, or taken over, since Postgres was asked: it never starts, or is told to end. */
  revoke(execution: Execution, now: number): void {
    const at = this.#waiting.indexOf(execution);
    if (at < 0 && !this.#running.has(execution)) return;
    execution.abort('revoked', now);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    this.#end(execution, { kind: 'unstarted', skippedForTime: false });
  }

  #giveBack(jobs: readonly Execution[]): void {
    for (const execution of jobs) this.#end(execution, { kind: 'unstarted', skippedForTime: false });
  }

  abandonRunning(): void {
    for (const execution of this.#running) this.#abandon(execution);
  }

  get hasUrgentUpdate(): boolean {
    if (this.#suspect !== null && !this.#suspect.isReported) return true;
    for (const execution of this.#running) if (execution.hasCheckpoint) return true;
    return false;
  }

  takeUpdates(nowMs: number, isHeartbeat: boolean): RunUpdate[] {
    const tellers = this.#suspect !== null && !this.#suspect.isReported ? [this.#suspect] : [...this.#running];
    return tellers.map((execution) => execution.takeUpdate(nowMs, isHeartbeat)).filter((news) => news !== null);
  }

  longestRunMs(type: string): number {
    return Math.max(this.#run.longestRunMs.get(type) ?? 0, this.#recentRunMs[type] ?? 0);
  }

  /** Takes over how long runs of each type took of late, wherever they ran. */
  learn(recentRunMs: Readonly<Record<string, number>>): void {
    this.#recentRunMs = recentRunMs;
  }

  /** Too little time left, of the drain or of its lease, or its job is no longer ours. */
  #unfit(execution: Execution, now: number): Outcome | null {
    const leftMs = this.#run.deadlines.abortAtMs - now;
    const fits = timeNeededMs(execution.definition, this.longestRunMs(execution.claimed.type)) <= leftMs;
    const leased = execution.leaseEndsAtMs - now >= Math.min(execution.definition.timeoutMs, leftMs) + LEASE_SLACK_MS;
    return fits && leased && execution.abortReason === null ? null : { kind: 'unstarted', skippedForTime: !fits };
  }

  #begin(execution: Execution, now: number): void {
    const { deadlines, wake, span, jobLog } = this.#run;
    if (execution.definition.rateLimit !== null) this.#gate.release(execution);
    execution.startedAtMs = now;
    this.#startedTypes.add(execution.claimed.type);
    this.#running.add(execution);
    const endsAtMs = Math.min(now + execution.definition.timeoutMs, deadlines.abortAtMs);
    jobLog?.started?.(execution);
    execution.span = span?.run(execution.claimed) ?? null;
    const running =
      execution.span === null
        ? execution.run(endsAtMs, wake)
        : execution.span.within(() => execution.run(endsAtMs, wake));
    void running.then((outcome) => this.#ran(execution, outcome));
  }

  #ran(execution: Execution, outcome: Outcome): void {
    const now = performance.now();
    if (!this.#running.delete(execution)) {
      this.#zombies--; // its outcome was decided when it ignored its signal
      this.#run.wake();
      return;
    }
    execution.endedAtMs = now;
    const runMs = now - (execution.startedAtMs ?? now);
    if (outcome.kind !== 'postponed') this.#meanRunMs = meanAfter(this.#meanRunMs, runMs); // that was no run
    const wasCut = execution.abortReason !== null && execution.abortReason !== 'timeout';
    const { longestRunMs, deadlines } = this.#run;
    const neededMs = timeLearntMs(runMs, wasCut, deadlines.workMs);
    if (neededMs > (longestRunMs.get(execution.claimed.type) ?? 0)) longestRunMs.set(execution.claimed.type, neededMs);
    this.#end(execution, outcome);
    this.start(now);
    if (this.isEmpty) this.#run.wake();
  }

  #abandon(execution: Execution): void {
    this.#running.delete(execution);
    this.#zombies++;
    execution.endedAtMs = performance.now();
    this.#end(execution, execution.abandon(), true);
  }

  #end(execution: Execution, outcome: Outcome, keepLease = false): void {
    if (execution === this.#suspect) this.#suspect = null;
    execution.span?.end(outcome.kind, 'error' in outcome ? scrubError(outcome.error, execution.data) : null);
    if (execution.definition.rateLimit !== null) this.#gate.release(execution);
    this.#outbox.add(execution, outcome, keepLease);
    if (this.#outbox.size >= batchSize(this.throughput)) this.#run.wake();
  }
}

/** Names hold no line break. */
function laneOf(queue: string, type: string): string {
  return `${queue}\n${type}`;
}
