/** One drain: claim, run and settle until the deadline leaves no room. The loop that moves hands and steps along. */
import { randomUUID } from 'node:crypto';
import { type DrainReport, emptyReport, type StopReason } from '../core/drain-report.ts';
import type { Job } from '../core/job.ts';
import { LIMITS } from '../core/limits.ts';
import type { Log } from '../core/log.ts';
import { integer, type Names, refused } from '../core/options.ts';
import { type DrainSpan, drainWithin, type Telemetry } from '../core/telemetry.ts';
import type { Chore } from '../maintenance/maintenance.ts';
import type { Executor } from '../postgres/database.ts';
import type { RateLimiter } from '../rate-limits/limiter.ts';
import { tickOf } from '../reads/drains.ts';
import { checkDeclared } from '../reads/names.ts';
import { Timetable } from './deadlines.ts';
import { notDrained } from './environment.ts';
import { Steps } from './exchange-loop.ts';
import { Hands } from './executor.ts';
import { jobLog, type LogJobs } from './job-log.ts';
import { join } from './process-peers.ts';
import { onShutdown } from './shutdown.ts';

/** How often timeouts are looked at; also their accuracy. */
const SWEEP_MS = 50;
const WHERE = { call: 'drain' };

export interface DrainOptions {
  /** What started it: 'cron', 'operator' …; kept in the ledger. */
  readonly source?: string;
  /** The platform's own end of this invocation. */
  readonly deadline?: Date;
  /** How long to drain at most, ms; the earlier of the two counts. Without both: the queue's `maxDurationMs`. */
  readonly budgetMs?: number;
  readonly queue?: string;
  readonly types?: readonly string[];
  /** How many jobs to claim at most. */
  readonly limit?: number;
  /** How many jobs run at once, 1 to 1000; default 10. */
  readonly concurrency?: number;
  /** How many jobs one step claims at most, 1 to 1000. */
  readonly maxBatch?: number;
  readonly includePaused?: boolean;
  /** For ticks: end at once, without the database, while the wake hint says that nothing is due. Needs `sleep` of createQueue. */
  readonly maySleep?: boolean;
  /** When the platform says that this tick was due, and its id of the invocation, for whoever reads the ledger; nothing depends on them. */
  readonly scheduledAt?: Date;
  readonly executionId?: string;
  /** Stops the drain: unstarted jobs are given back at once, running ones told to end. */
  readonly signal?: AbortSignal;
}

export const DRAIN_NAMES: Names<DrainOptions> = {
  source: true,
  deadline: true,
  budgetMs: true,
  queue: true,
  types: true,
  limit: true,
  concurrency: true,
  maxBatch: true,
  includePaused: true,
  maySleep: true,
  scheduledAt: true,
  executionId: true,
  signal: true,
};

/** What the drains of one process share. */
export interface DrainContext {
  readonly executor: Executor;
  /** The environment of this process; null if it names none. */
  readonly environment: string | null;
  readonly jobs: ReadonlyMap<string, Job>;
  readonly maxDurationMs: number;
  readonly keyWindowMs: number;
  readonly chores: readonly Chore[];
  readonly log: Log;
  readonly logJobs: LogJobs;
  readonly telemetry: Telemetry | null;
  readonly limiter: RateLimiter;
  /** The longest run of each type that this process has seen, ms. */
  readonly longestRunMs: Map<string, number>;
}

/** Drains until the deadline, the limit or an empty queue. Throws only if Postgres never answered at all. */
export async function drain(context: DrainContext, options: DrainOptions): Promise<DrainReport> {
  const run = new Drain(context, options);
  const stop = () => run.stop();
  const unwatch = onShutdown(stop);
  options.signal?.addEventListener('abort', stop);
  if (options.signal?.aborted) run.stop();
  try {
    const report = await drainWithin(run.span, () => run.toTheEnd());
    context.log(report.unconfirmed > 0 ? 'warn' : 'info', 'drain_ended', { report });
    if (run.otherEnvironment !== null)
      context.log('warn', 'other_environment', {
        message: notDrained({ own: context.environment, owner: run.otherEnvironment }),
      });
    return report;
  } finally {
    options.signal?.removeEventListener('abort', stop);
    unwatch();
  }
}

class Drain {
  readonly span: DrainSpan | null;
  readonly #timetable: Timetable;
  readonly #report: DrainReport;
  readonly #hands: Hands;
  readonly #steps: Steps;
  #stopped = false;
  #wakeUp: () => void = () => undefined;

  constructor(context: DrainContext, options: DrainOptions) {
    const { concurrency = 10, maxBatch = LIMITS.stepJobs, limit = Number.POSITIVE_INFINITY, types, queue } = options;
    integer('concurrency', concurrency, { min: 1, max: 1_000 }, WHERE);
    integer('maxBatch', maxBatch, { min: 1, max: LIMITS.stepJobs }, WHERE);
    if (options.limit !== undefined) integer('limit', options.limit, { min: 1, max: 1_000_000 }, WHERE);
    if (options.budgetMs !== undefined && !(options.budgetMs > 0))
      throw refused('budgetMs', 'a duration in ms', options.budgetMs, WHERE);
    if (options.deadline && Number.isNaN(options.deadline.getTime()))
      throw refused('deadline', 'a valid Date', options.deadline, WHERE);
    checkDeclared(context.jobs, types ?? []);
    const tick = tickOf(options);
    const untilDeadlineMs = options.deadline ? options.deadline.getTime() - Date.now() : context.maxDurationMs;
    const timetable = new Timetable(Math.min(untilDeadlineMs, options.budgetMs ?? LIMITS.timeoutMs, LIMITS.timeoutMs));
    const report = emptyReport(randomUUID(), options.source ?? 'manual');
    const wake = () => this.#wakeUp();
    const { longestRunMs, executor, environment, jobs, keyWindowMs, chores, log, logJobs, telemetry, limiter } =
      context;
    const span = telemetry?.drain(report) ?? null;
    const tell = jobLog(log, logJobs, report.id);
    const includePaused = options.includePaused ?? false;
    const hands = new Hands({
      concurrency,
      maxBatch,
      includePaused,
      timetable,
      longestRunMs,
      wake,
      span,
      started: tell?.started ?? null,
      limiter,
      ended: (held, outcome, hold) => this.#steps.ended(held, outcome, hold),
    });
    this.span = span;
    this.#timetable = timetable;
    this.#report = report;
    this.#hands = hands;
    this.#steps = new Steps(
      {
        executor,
        jobs,
        keyWindowMs,
        chores,
        log,
        tell,
        limiter,
        timetable,
        report,
        tick,
        queue,
        types,
        limit,
        includePaused,
        environment,
        wake,
      },
      hands,
    );
  }

  get otherEnvironment(): string | null {
    return this.#steps.otherEnvironment;
  }

  /** SIGTERM, or the caller's signal. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true; // also while it winds up for its deadline: the platform waits no longer for that
    this.#timetable.shutDown();
    this.#wakeUp();
  }

  async toTheEnd(): Promise<DrainReport> {
    const leave = join(this.#steps);
    try {
      this.#report.stopReason = await this.#work();
      await this.#windUp();
    } finally {
      leave();
    }
    const { failure } = this.#steps;
    if (failure?.total) throw failure.error;
    return { ...this.#report }; // an answer that comes later changes nothing of what was said
  }

  async #work(): Promise<StopReason> {
    for (;;) {
      const now = performance.now();
      this.#hands.sweep(now);
      this.#hands.start(now);
      const reason = this.#reasonToStop(now);
      if (reason !== null) return reason;
      if (this.#steps.sendIfDue(now)) continue;
      const quietForMs = this.#steps.quietForMs(now);
      await this.#pause(this.#hands.isEmpty ? quietForMs : Math.min(quietForMs, SWEEP_MS));
    }
  }

  #reasonToStop(now: number): StopReason | null {
    if (this.#steps.failure !== null) return 'database_unreachable';
    if (this.#stopped) return 'stopped';
    if (this.#steps.otherEnvironment !== null) return 'other_environment';
    if (now >= this.#timetable.cutAtMs) return 'deadline';
    if (this.#hands.unresponsive) return 'unresponsive';
    if (!this.#steps.isQuiet) return null;
    if (this.#steps.reachedLimit) return 'limit';
    if (!this.#steps.foundNothing) return null;
    return this.#steps.passedOver ? 'deadline' : 'empty';
  }

  /** What waits is given back at once; what runs gets until `settleAtMs` to end by itself. */
  async #windUp(): Promise<void> {
    this.#hands.stop(this.#stopped ? 'shutdown' : 'deadline', performance.now());
    if (this.#stopped) this.#steps.sendEnded(performance.now());
    while (this.#hands.running.size > 0) {
      const now = performance.now();
      if (now >= this.#timetable.settleAtMs) break;
      this.#hands.sweep(now);
      this.#steps.tellIfDue(now);
      if (this.#hands.running.size > 0) await this.#pause(Math.min(SWEEP_MS, this.#timetable.settleAtMs - now));
    }
    this.#hands.abandonRunning();
    await this.#steps.close((ms) => this.#pause(ms));
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wakeUp = () => undefined;
  }
}
