/** One claimed job of a drain, from the claim to its outcome: what it is, what runs, what is still to be reported. */

import type { Around } from '../core/around.ts';
import type { Batch, ClaimedJob, JobMeta } from '../core/claimed-job.ts';
import { droppable, droppableValues } from '../core/droppable.ts';
import type { Child, Job, RunningJob } from '../core/job.ts';
import type { Counters, Outcome, Settlement } from '../core/settle.ts';
import type { RunSpan } from '../core/telemetry.ts';
import { childrenOf } from '../enqueue/children.ts';
import type { Executor } from '../postgres/database.ts';
import type { Completed, CompletedOfBatch } from '../postgres/statements/exchange.ts';
import type { RateLimiter } from '../rate-limits/limiter.ts';
import { type AbortReason, abandoned, type RunInput, run } from './run-handler.ts';

/** As many leases lost and the job is a suspect: it runs alone, so that it convicts itself and no neighbour. */
const SUSPECT_RESCUES = 2;

interface PendingCheckpoint {
  readonly state: string;
  readonly committed: () => void;
  readonly refused: (reason: unknown) => void;
}

/** An exchange's report about a running job. */
export interface RunUpdate {
  readonly execution: Execution;
  readonly json: string;
  /** The same without what the handler put in. */
  readonly bare: string;
  readonly checkpoints: readonly PendingCheckpoint[];
}

/** It is the input of its own run: closures made for each job would cost as much as the rest of a quick run. */
export class Execution implements RunInput {
  readonly claimed: ClaimedJob;
  readonly definition: Job;
  readonly around: readonly Around[];
  readonly limiter: RateLimiter;
  /** Until when no other drain may take the job, on this process's monotonic clock, in ms. */
  readonly leaseEndsAtMs: number;
  startedAtMs: number | null = null;
  endedAtMs: number | null = null;
  /** Time from due to started, once it was counted. */
  waitedMs: number | null = null;
  /** An exchange told Postgres that it runs. */
  isReported = false;
  abortReason: AbortReason | null = null;
  abortAtMs: number | null = null;
  span: RunSpan | null = null;
  /** The number of its attempt. */
  attempt = 0;

  #endsAtMs = 0;
  #wake: () => void = nothing;
  #attempt: number;
  #interruptions: number;
  #reported = false;
  #progress: string | null = null;
  #checkpoints: PendingCheckpoint[] = [];
  /** A checkpoint is on its way. The next waits for its answer: sent again after a loss, an old state would overwrite a new one. */
  #checkpointIsOut = false;
  readonly #executor: Executor;
  #controller: AbortController | null = null;

  constructor(
    claimed: ClaimedJob,
    definition: Job,
    {
      executor,
      limiter,
      around,
    }: { readonly executor: Executor; readonly limiter: RateLimiter; readonly around: readonly Around[] },
    leaseEndsAtMs: number,
  ) {
    this.claimed = claimed;
    this.definition = definition;
    this.limiter = limiter;
    this.around = around;
    this.#executor = executor;
    this.leaseEndsAtMs = leaseEndsAtMs;
    this.#attempt = claimed.attempt + 1;
    this.#interruptions = claimed.interruptions;
  }

  get isSuspect(): boolean {
    return this.claimed.rescues >= SUSPECT_RESCUES;
  }

  /** A rate limit sent it away before. */
  get isReturning(): boolean {
    return this.claimed.meta?.postponed === true;
  }

  get counters(): Counters {
    return { attempt: this.#attempt, maxAttempts: this.claimed.maxAttempts, interruptions: this.#interruptions };
  }

  /** Data of the job that must not leave the database. */
  get data(): readonly unknown[] {
    return [this.claimed.payload, this.claimed.state];
  }

  /** Runs the job until `endsAtMs` at the latest; resolves when the handler has ended. `wake`: a checkpoint wants to be sent. */
  run(endsAtMs: number, wake: () => void): Promise<Outcome> {
    this.#endsAtMs = endsAtMs;
    this.#wake = wake;
    this.attempt = this.#attempt;
    return run(this);
  }

  get payload(): unknown {
    return this.claimed.payload;
  }

  toJob(): RunningJob {
    const { claimed } = this;
    return {
      id: claimed.id,
      type: claimed.type,
      queue: claimed.queue,
      priority: claimed.priority,
      attempt: this.attempt,
      maxAttempts: claimed.maxAttempts,
      fence: claimed.fence,
      idempotencyKey: claimed.idempotencyKey,
      createdAt: new Date(claimed.createdAt),
      dueAt: new Date(claimed.dueAt),
      schedule: slotOf(claimed.meta),
      state: claimed.state,
    };
  }

  signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.abortReason !== null && !this.#controller.signal.aborted)
      this.#controller.abort(new DOMException(this.abortReason, 'AbortError'));
    return this.#controller.signal;
  }

  deadline(): Date {
    return new Date(Date.now() + this.#endsAtMs - performance.now());
  }

  checkpoint(state: string): Promise<void> {
    const promise = new Promise<void>((committed, refused) => {
      if (this.endedAtMs !== null || this.abortReason === 'revoked') refused(noLongerHeld());
      else this.#checkpoints.push({ state, committed, refused });
    });
    this.#wake();
    return droppable(promise); // a handler that does not await its checkpoint learns of its loss by its signal
  }

  children(): AsyncIterable<Child> {
    return droppableValues(childrenOf(this.#executor, this.claimed.id));
  }

  progress(json: string): void {
    this.#progress = json;
  }

  /** Tells the handler to end. The first reason stands. */
  abort(cut: AbortReason, nowMs: number): void {
    if (this.abortReason !== null) return;
    this.abortReason = cut;
    this.abortAtMs = nowMs;
    this.#controller?.abort(
      new DOMException(`the job was told to end: ${cut}`, cut === 'timeout' ? 'TimeoutError' : 'AbortError'),
    );
    if (cut === 'revoked') this.#refuseCheckpoints();
  }

  /** The outcome of a handler that did not end although it was told to. */
  abandon(): Outcome {
    this.#refuseCheckpoints();
    return abandoned(this, this.abortReason ?? 'deadline');
  }

  /** The duration of its run and the time since its end, whole ms; null if it never ran. */
  times(nowMs: number): { readonly ranMs: number; readonly endedAgoMs: number } | null {
    if (this.startedAtMs === null || this.endedAtMs === null) return null;
    return {
      ranMs: Math.round(this.endedAtMs - this.startedAtMs),
      endedAgoMs: Math.max(0, Math.round(nowMs - this.endedAtMs)),
    };
  }

  get hasCheckpoint(): boolean {
    return this.#checkpoints.length > 0 && !this.#checkpointIsOut;
  }

  /**
   * The report about this running job, or null if nothing is new. Each heartbeat repeats that it runs, to learn if this drain
   * still holds it.
   */
  takeUpdate(nowMs: number, isHeartbeat: boolean): RunUpdate | null {
    const checkpoints = this.#checkpointIsOut ? [] : this.#checkpoints.splice(0);
    if (this.#reported && !isHeartbeat && this.#progress === null && checkpoints.length === 0) return null;
    const state = checkpoints.at(-1)?.state;
    const progress = this.#progress;
    if (checkpoints.length > 0) this.#checkpointIsOut = true;
    this.#reported = true;
    this.#progress = null;
    const values = `${progress === null ? '' : `,"progress":${progress}`}${state === undefined ? '' : `,"state":${state}`}`;
    const ran = this.startedAtMs === null ? '' : `,"ranMs":${Math.round(nowMs - this.startedAtMs)}`;
    return { execution: this, json: updateJson(this, ran + values), bare: updateJson(this, ran), checkpoints };
  }

  /** Called when the outcome of the checkpoint that was on its way is known. */
  checkpointAnswered(): void {
    this.#checkpointIsOut = false;
  }

  /** The checkpoint is committed: attempts and interruptions count anew. */
  checkpointed(): void {
    this.#attempt = 1;
    this.#interruptions = 0;
  }

  #refuseCheckpoints(): void {
    for (const checkpoint of this.#checkpoints.splice(0)) checkpoint.refused(noLongerHeld());
  }
}

/** Tells running jobs what became of their updates: a checkpoint is committed, or the job is no longer ours. */
export function confirmUpdates(updates: readonly RunUpdate[], revoked: ReadonlySet<string>): void {
  for (const { execution, checkpoints } of updates) {
    execution.isReported = true;
    const gone = revoked.has(execution.claimed.place);
    if (gone && execution.endedAtMs === null) execution.abort('revoked', performance.now());
    if (!gone && checkpoints.length > 0) execution.checkpointed();
    for (const checkpoint of checkpoints)
      if (gone) checkpoint.refused(noLongerHeld());
      else checkpoint.committed();
  }
}

/** Their exchange failed: nobody knows whether a checkpoint is committed. */
export function refuseUpdates(updates: readonly RunUpdate[], error: unknown): void {
  for (const { checkpoints } of updates) for (const checkpoint of checkpoints) checkpoint.refused(error);
}

const nothing = () => undefined;

function slotOf(meta: JobMeta | null): RunningJob['schedule'] {
  if (meta?.schedule === undefined || meta.slot === undefined) return null;
  return { name: meta.schedule, slot: new Date(meta.slot) };
}

/** The same update without the progress or checkpoint that Postgres refused; null if it held neither. That the job runs is reported all the same. */
export function withoutValues({ execution, json, bare, checkpoints }: RunUpdate, refusal: unknown): RunUpdate | null {
  if (json === bare) return null;
  for (const checkpoint of checkpoints) checkpoint.refused(refusal);
  return { execution, json: bare, bare, checkpoints: [] };
}

/** Why a checkpoint is refused. */
export function noLongerHeld(): Error {
  return new Error('the job is no longer held by this drain');
}

function updateJson({ claimed }: Execution, values: string): string {
  return `{"batch":"${claimed.batch.id}","position":${claimed.position}${values}}`;
}

/** An outcome on its way to Postgres. */
export interface Ended {
  readonly execution: Execution;
  readonly settlement: Settlement;
  /** The handler still runs: the lease is left to end by itself, so that no other drain starts beside it. */
  readonly keepLease: boolean;
}

/** The outcomes as step_2 reads them: those of completed jobs, and JSON for the rest. */
export function outcomesOf(
  ended: readonly Ended[],
  nowMs: number,
): { readonly completed: readonly CompletedOfBatch[]; readonly settlements: readonly string[] } {
  const batches = new Map<Batch, Completed[]>();
  const settlements: string[] = [];
  for (const one of ended) {
    const { execution, settlement } = one;
    if (settlement.to === 'completed') {
      const { batch, position } = execution.claimed;
      const jobs = batches.get(batch) ?? [];
      if (jobs.length === 0) batches.set(batch, jobs);
      jobs.push({
        position,
        result: settlement.result,
        ...(execution.times(nowMs) ?? { ranMs: 0, endedAgoMs: 0 }),
      });
    } else settlements.push(settlementJson(one, settlement, nowMs));
  }
  const completed = Array.from(batches, ([batch, jobs]) => ({
    batch,
    jobs: jobs.sort((a, b) => a.position - b.position),
  }));
  return { completed, settlements };
}

/** About how many bytes the outcome takes in an exchange. */
export function outcomeBytes({ settlement }: Ended): number {
  const FRAME_BYTES = 120; // id, fence, times and names
  switch (settlement.to) {
    case 'completed':
      return FRAME_BYTES + settlement.result.length;
    case 'continue':
      return FRAME_BYTES + settlement.state.length;
    case 'give_back':
      return FRAME_BYTES;
    default:
      return FRAME_BYTES + JSON.stringify(settlement.error).length;
  }
}

function settlementJson(
  { execution, keepLease }: Ended,
  settlement: Exclude<Settlement, { to: 'completed' }>,
  nowMs: number,
): string {
  const { batch, position } = execution.claimed;
  const times = execution.times(nowMs);
  const ran = times === null ? '' : `,"ranMs":${times.ranMs},"endedAgoMs":${times.endedAgoMs}`;
  const head = `{"batch":"${batch.id}","position":${position},"to":"${settlement.to}"${ran}`;
  switch (settlement.to) {
    case 'continue':
      return `${head},"state":${settlement.state},"delayMs":${settlement.delayMs}}`;
    case 'cancelled':
    case 'dead_letter':
      return `${head},"error":${JSON.stringify(settlement.error)}}`;
    case 'retry':
      return `${head},"error":${JSON.stringify(settlement.error)},"delayMs":${settlement.delayMs},"hold":${keepLease}}`;
    case 'give_back': {
      const { interrupted, skippedForTime, postponedMs } = settlement;
      const postponed = postponedMs === undefined ? '' : `,"delayMs":${postponedMs},"postponed":true`;
      return `${head},"interrupted":${interrupted},"passed":${skippedForTime}${postponed},"hold":${keepLease}}`;
    }
  }
}
