/** Sends a drain's exchanges and takes in their answers. When one is due, plan-exchange.ts decides. */

import { describeRefusal } from '../core/describe-refusal.ts';
import { withOutcomes } from '../core/drain-report.ts';
import { MaintenanceTasks } from '../maintenance/maintenance.ts';
import { Claims } from './claims.ts';
import type { DrainRun } from './drain-run.ts';
import { Exchange, type ExchangeParts } from './exchange.ts';
import type { JobExecutor } from './executor.ts';
import { LedgerEntry } from './ledger-entry.ts';
import type { Outbox } from './outbox.ts';
import { Pipelining } from './pipelining.ts';
import { type ExchangePlan, HEARTBEAT_MS, type PlannedClaim, planExchange } from './plan-exchange.ts';
import { anotherHoldsSuspect, othersAreIdle, type Peer } from './process-peers.ts';
import { RollupBuffer } from './rollup-buffer.ts';

export class ExchangeLoop implements Peer {
  readonly #parts: ExchangeParts;
  #sent = 0;
  #lastHeartbeatAtMs = 0;
  /** The ledger row says what came of this drain. */
  #closed = false;
  #otherEnvironment: string | null = null;
  #failure: { readonly error: unknown } | null = null;

  constructor(run: DrainRun, executor: JobExecutor, outbox: Outbox) {
    const tasks = new MaintenanceTasks({ ...run, untilMs: () => run.deadlines.endAtMs });
    const claims = new Claims(run, executor, tasks);
    const ledger = new LedgerEntry(run);
    const rollups = new RollupBuffer();
    this.#parts = { run, executor, outbox, claims, ledger, tasks, rollups, pipelining: new Pipelining() };
  }

  /** The error that no repetition could fix, or that time ran out on. `total`: Postgres never answered this drain at all. */
  get failure(): { readonly error: unknown; readonly total: boolean } | null {
    return this.#failure && { error: this.#failure.error, total: !this.#parts.pipelining.hasAnswer };
  }

  /** Nothing is claimed, to be settled, on its way or being done. */
  get isQuiet(): boolean {
    const { executor, outbox, pipelining, tasks } = this.#parts;
    return executor.isEmpty && outbox.size === 0 && pipelining.inFlight === 0 && tasks.isQuiet;
  }

  get isIdle(): boolean {
    return this.#parts.executor.isIdle && this.#parts.pipelining.claims === 0;
  }

  get holdsSuspect(): boolean {
    return this.#parts.executor.hasSuspect || this.#parts.outbox.holdsSuspect;
  }

  /** The reason to stop once the drain is quiet; null: there may be more. */
  get reasonToEnd(): 'limit' | 'deadline' | 'empty' | null {
    const { jobsLeft, foundNothing, skippedForTime } = this.#parts.claims;
    if (jobsLeft <= 0) return 'limit';
    if (!foundNothing) return null;
    return skippedForTime ? 'deadline' : 'empty';
  }

  /** Whose database this is, if not that of the drain's environment. */
  get otherEnvironment(): string | null {
    return this.#otherEnvironment;
  }

  wake(): void {
    this.#parts.run.wake();
  }

  /** Sends an exchange if one is due. `mayClaim: false`: only what has ended, and what handlers wait for. */
  sendIfDue(now: number, mayClaim = true): ExchangePlan {
    const { run, executor, outbox, pipelining, claims } = this.#parts;
    const state = {
      jobs: executor,
      outbox,
      pipelining,
      claims: claims.state(now, mayClaim),
      peers: { areIdle: othersAreIdle(this), holdSuspect: anotherHoldsSuspect(this) },
      lastHeartbeatAtMs: this.#lastHeartbeatAtMs,
      abortAtMs: run.deadlines.abortAtMs,
    };
    const plan = planExchange(state, now);
    if (plan.send) void this.#send(plan.claim, now);
    return plan;
  }

  /** Settles what has ended without claiming more, however little it is. */
  sendEnded(now: number): void {
    if (this.#parts.outbox.size > 0) void this.#send(null, now);
  }

  /** The last exchanges: what is still to be settled, then the ledger row with the report as it came out. */
  async close(pause: (ms: number) => Promise<void>): Promise<void> {
    const { outbox, pipelining, rollups, run } = this.#parts;
    const { report, deadlines } = run;
    let told = false; // after a failure the row is written once, without outcomes: what failed was perhaps only theirs
    for (;;) {
      const now = performance.now();
      if (this.#failure !== null) {
        report.stopReason = 'database_unreachable';
        report.error = describeRefusal(this.#failure.error);
        outbox.giveUpWaiting();
      }
      if (now >= deadlines.endAtMs || told) break;
      if (pipelining.inFlight > 0) {
        await pause(deadlines.endAtMs - now);
      } else if (this.#failure !== null) {
        told = true;
        if (pipelining.hasAnswer) await this.#send(null, now);
      } else if (outbox.size > 0 || !this.#closed || rollups.isNew) {
        const promised = JSON.stringify({ ...withOutcomes(report, outbox.waiting), steps: 0 });
        this.#closed = true;
        await this.#send(null, now);
        this.#closed &&= promised === JSON.stringify({ ...report, steps: 0 }); // else some outcome was lost: write it anew
      } else break;
    }
    outbox.giveUp();
  }

  async #send(claim: PlannedClaim | null, now: number): Promise<void> {
    const { executor, pipelining, run } = this.#parts;
    const isHeartbeat = now - this.#lastHeartbeatAtMs >= HEARTBEAT_MS;
    if (isHeartbeat) this.#lastHeartbeatAtMs = now;
    const exchange = new Exchange(this.#parts, claim, { now, n: ++this.#sent, isHeartbeat });
    pipelining.begin(exchange.request);
    try {
      const { closed, otherEnvironment } = exchange.onAnswer(await exchange.send());
      this.#closed = closed ?? this.#closed;
      this.#otherEnvironment = otherEnvironment ?? this.#otherEnvironment;
      if (claim !== null && executor.hasSuspect && !othersAreIdle(this)) executor.giveBackWaiting();
    } catch (error) {
      this.#failure = { error };
      exchange.onFailure(error);
    } finally {
      exchange.end();
      run.wake();
    }
  }
}
