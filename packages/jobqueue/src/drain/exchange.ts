/** One exchange: what it carries to Postgres, and what its answer changes. */
import { randomUUID } from 'node:crypto';
import { count } from '../core/drain-report.ts';
import type { Job } from '../core/job.ts';
import type { MaintenanceTasks } from '../maintenance/maintenance.ts';
import type { Claim } from '../postgres/statements/exchange.ts';
import type { Claims } from './claims.ts';
import type { DrainRun } from './drain-run.ts';
import { confirmUpdates, Execution, refuseUpdates } from './execution.ts';
import type { JobExecutor } from './executor.ts';
import { logRetryProblem } from './job-log.ts';
import type { LedgerEntry } from './ledger-entry.ts';
import type { Outbox } from './outbox.ts';
import type { Pipelining } from './pipelining.ts';
import type { PlannedClaim } from './plan-exchange.ts';
import type { BufferedRollups, RollupBuffer } from './rollup-buffer.ts';
import { type ExchangeAnswer, type ExchangeRequest, sendExchange } from './send-exchange.ts';

/** Values shared by the exchanges of one drain. */
export interface ExchangeParts {
  readonly run: DrainRun;
  readonly executor: JobExecutor;
  readonly outbox: Outbox;
  readonly claims: Claims;
  readonly ledger: LedgerEntry;
  readonly tasks: MaintenanceTasks;
  readonly rollups: RollupBuffer;
  readonly pipelining: Pipelining;
}

export class Exchange {
  readonly request: ExchangeRequest;
  readonly #parts: ExchangeParts;
  readonly #sentAtMs: number;
  /** Jobs of which Postgres is asked whether they are still ours; they had not started then. */
  readonly #held: readonly Execution[];
  readonly #counts: BufferedRollups | null;
  /** Times that maintenance had brought jobs before the claim. */
  readonly #broughtJobs: number;
  /** No outcome was on its way with another exchange. */
  readonly #isWhole: boolean;

  /** Takes what it carries. `n`: of its drain, from 1. */
  constructor(
    parts: ExchangeParts,
    planned: PlannedClaim | null,
    at: { readonly now: number; readonly n: number; readonly isHeartbeat: boolean },
  ) {
    const { run, executor, outbox, claims, ledger, tasks, rollups } = parts;
    const { now, n, isHeartbeat } = at;
    this.#parts = parts;
    this.#sentAtMs = now;
    this.#isWhole = !outbox.hasUnconfirmed;
    this.#broughtJobs = tasks.broughtJobs;
    const claim = planned && claims.request(planned, now, n === 1);
    const ended = outbox.take();
    const updates = executor.takeUpdates(now, isHeartbeat);
    const chores = claim && tasks.request(now);
    const isLast = run.report.stopReason !== null || (claim?.alone === true && claim.lanes === null);
    this.#counts = rollups.takeFor(ended, { version: n, nowMs: now, isLast });
    const { waiting } = executor;
    this.#held = isHeartbeat ? executor.held : [];
    this.request = {
      ended,
      updates,
      claim,
      drain: {
        ...ledger.report(now, n, executor.running, updates.length > 0 || claim?.alone === true),
        ...(this.#counts && { rollups: this.#counts.json }),
        ...(waiting.length > 0 && { waiting }),
        ...(this.#held.length > 0 && {
          held: this.#held.map(({ claimed }) => [claimed.batch.id, claimed.position] as const),
        }),
        ...(claim && { environment: run.environment }),
        ...(chores && { chores }),
        ...(run.report.stopReason !== null && { passedOver: claims.starvedLanes }),
      },
    };
  }

  /** Rejects with ExchangeTimeoutError, or with what no repetition can mend. */
  send(): Promise<ExchangeAnswer> {
    const { run, pipelining } = this.#parts;
    const transport = {
      executor: run.executor,
      nowMs: () => performance.now(),
      random: Math.random,
      uuid: randomUUID,
      giveUpAtMs: () => run.deadlines.endAtMs,
      tried: (tries: number) => {
        run.report.steps++;
        if (tries > 1) pipelining.repeat(this.request);
      },
    };
    return sendExchange(transport, this.request);
  }

  /** `closed`: the ledger row says what came of the drain; null: as much as before. */
  onAnswer(answered: ExchangeAnswer): { readonly closed: boolean | null; readonly otherEnvironment: string | null } {
    const { executor, ledger, tasks, rollups, pipelining } = this.#parts;
    const { answer } = answered;
    const { ended, claim, drain } = this.request;
    rollups.onAnswer(answer, performance.now());
    ledger.onAnswer(answer);
    pipelining.onAnswer(answer, drain.chores !== undefined);
    const now = performance.now();
    executor.onAnswer(answer.paused ?? [], { sentAtMs: this.#sentAtMs, now }); // older functions do not say, nor what is gone
    const gone = new Set(answer.gone ?? []);
    for (const execution of this.#held) if (gone.has(execution.claimed.place)) executor.revoke(execution, now);
    this.#noteSettled(answered);
    rollups.settle(this.#counts, ended, answered);
    confirmUpdates(answered.updates, new Set(answer.revoked));
    const otherEnvironment = answer.otherEnvironment ?? null; // a database of the release before has none
    let closed = answered.ended === ended ? null : false; // it went in parts, and the last of them told the ledger
    if (otherEnvironment !== null)
      closed = drain.step === 1; // the ledger does not know of it
    else if (claim) closed = this.#onClaimed(claim, answered);
    tasks.take(answer.chores);
    return { closed, otherEnvironment };
  }

  onFailure(error: unknown): void {
    this.#parts.outbox.fail(this.request.ended);
    refuseUpdates(this.request.updates, error);
  }

  /** Answered or not, nothing of it is on its way any more. */
  end(): void {
    for (const { execution, checkpoints } of this.request.updates)
      if (checkpoints.length > 0) execution.checkpointAnswered();
    this.#parts.pipelining.end(this.request);
    this.#parts.outbox.finish(this.request.ended);
  }

  #noteSettled({ ended, answer }: ExchangeAnswer): void {
    const { report, jobLog, log } = this.#parts.run;
    const lost = new Set(answer.lost);
    for (const one of ended) {
      const isLost = lost.has(one.execution.claimed.place);
      if (isLost) report.lost++;
      else count(report, one.settlement.to);
      if (!isLost) logRetryProblem(log, one, report.id);
      if (jobLog === null) continue;
      if (isLost) jobLog.lost(one.execution);
      else jobLog.settled(one);
    }
  }

  /** step_2 closes the ledger row by itself when it finds nothing, with the report as it was sent: `true` if that came true. */
  #onClaimed(claim: Claim, { answer, ended }: ExchangeAnswer): boolean {
    const { run, executor, claims } = this.#parts;
    const { lingerMs } = this.request.drain;
    run.jobLog?.crashed(answer.crashed);
    if (answer.recentRunMs) executor.learn(answer.recentRunMs);
    const isLast = claims.note(claim, answer, { lingerMs, broughtJobs: this.#broughtJobs });
    const asSent = answer.lost.length === 0 && ended === this.request.ended && this.#isWhole;
    executor.take(
      answer.jobs.map((job) => {
        const leaseEndsAtMs = this.#sentAtMs + (claim.types[job.type] as number);
        return new Execution(job, run.jobs.get(job.type) as Job, run, leaseEndsAtMs);
      }),
      performance.now(),
    );
    return isLast && asSent && answer.chores === null;
  }
}
