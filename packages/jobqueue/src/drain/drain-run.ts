/** One run of the drain: its options, checked, and what its parts share. */
import { randomUUID } from 'node:crypto';
import type { Around } from '../core/around.ts';
import { type DrainReport, emptyReport } from '../core/drain-report.ts';
import type { Job } from '../core/job.ts';
import { checkDeclared } from '../core/known-names.ts';
import { LIMITS } from '../core/limits.ts';
import type { Log } from '../core/log.ts';
import { integer, refused } from '../core/options.ts';
import type { DrainSpan, Telemetry } from '../core/telemetry.ts';
import type { MaintenanceTask } from '../maintenance/maintenance.ts';
import type { Executor } from '../postgres/database.ts';
import type { RateLimiter } from '../rate-limits/limiter.ts';
import { Deadlines } from './deadlines.ts';
import type { DrainOptions } from './drain-options.ts';
import { type Invocation, invocationOf } from './invocation.ts';
import { type JobLog, jobLog, type LogJobs } from './job-log.ts';

/** Values shared by the drains of one process. */
export interface DrainContext {
  readonly executor: Executor;
  /** The environment of this process; null if it names none. */
  readonly environment: string | null;
  readonly jobs: ReadonlyMap<string, Job>;
  readonly around: readonly Around[];
  readonly maxDurationMs: number;
  readonly keyWindowMs: number;
  readonly tasks: readonly MaintenanceTask[];
  readonly log: Log;
  readonly logJobs: LogJobs;
  readonly telemetry: Telemetry | null;
  readonly limiter: RateLimiter;
  /** The longest run of each type that this process has seen, ms. */
  readonly longestRunMs: Map<string, number>;
}

/** One run of the drain, shared by its parts. */
export interface DrainRun extends DrainContext {
  readonly concurrency: number;
  readonly maxBatch: number;
  /** Infinity: as many as there are. */
  readonly limit: number;
  readonly queue: string | null;
  /** The only types that it is to take; null: all that have a handler here. */
  readonly types: readonly string[] | null;
  /** Pauses do not concern this drain. */
  readonly includePaused: boolean;
  readonly deadlines: Deadlines;
  /** Counted up as Postgres confirms. */
  readonly report: DrainReport;
  /** The platform's data about this invocation, stored in the ledger. */
  readonly invocation: Invocation;
  /** Null where nobody wants to hear of jobs. */
  readonly jobLog: JobLog | null;
  /** The span of this drain; null without telemetry. */
  readonly span: DrainSpan | null;
  /** Lets the drain look again at once. */
  readonly wake: () => void;
}

const WHERE = { call: 'drain' };

/** Begins a run: its time counts from now. Throws QueueError `option_invalid`, `unknown_type`. */
export function beginRun(context: DrainContext, options: DrainOptions, wake: () => void): DrainRun {
  const { concurrency = 10, maxBatch = LIMITS.exchangeJobs, limit, types, queue, budgetMs, deadline } = options;
  integer('concurrency', concurrency, { min: 1, max: 1_000 }, WHERE);
  integer('maxBatch', maxBatch, { min: 1, max: LIMITS.exchangeJobs }, WHERE);
  if (limit !== undefined) integer('limit', limit, { min: 1, max: 1_000_000 }, WHERE);
  if (budgetMs !== undefined && !(budgetMs > 0)) throw refused('budgetMs', 'a duration in ms', budgetMs, WHERE);
  if (deadline && Number.isNaN(deadline.getTime())) throw refused('deadline', 'a valid Date', deadline, WHERE);
  checkDeclared(context.jobs, types ?? []);
  const invocation = invocationOf(options);
  const untilDeadlineMs = deadline ? deadline.getTime() - Date.now() : context.maxDurationMs;
  const report = emptyReport(randomUUID(), options.source ?? 'manual');
  return {
    ...context,
    concurrency,
    maxBatch,
    limit: limit ?? Number.POSITIVE_INFINITY,
    queue: queue ?? null,
    types: types ?? null,
    includePaused: options.includePaused ?? false,
    deadlines: new Deadlines(Math.min(untilDeadlineMs, budgetMs ?? LIMITS.timeoutMs, LIMITS.timeoutMs)),
    report,
    invocation,
    jobLog: jobLog(context.log, context.logJobs, report.id),
    span: context.telemetry?.drain(report) ?? null,
    wake,
  };
}
