/** Waits for jobs to end. All who wait in one process share one look at a time: a hundred waits are one statement, not a hundred. */

import { QueueError } from '../core/errors.ts';
import type { Status } from '../core/job.ts';
import { LIMITS } from '../core/limits.ts';
import { isJobId, type Names, number, onlyKnown } from '../core/options.ts';
import { classifyError } from '../core/sqlstate.ts';
import type { Executor } from '../postgres/database.ts';
import { findFinished } from '../postgres/statements/jobs.ts';
import { statusesOf } from '../postgres/statements/outcomes.ts';
import { type JobView, viewOf } from './job-view.ts';

/** Long enough for a job that was kicked; who expects more says so. */
const DEFAULT_WAIT_MS = 10_000;
/** The first look comes at once, the next after 50 ms, then ever later: a job of seconds is looked at some ten times. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;
const GROWTH = 1.5;
/**
 * The most statuses that one poll reads, and the most finished jobs that one statement brings: with result, payload and state up
 * to 700 KiB each.
 */
const LOOK_IDS = 1_000;
const BRING_JOBS = 40;
/** A look without an answer by then is given up; the next one may do better. */
const ANSWER_TIMEOUT_MS = 10_000;

/** Options of `queue.waitFor`. */
export interface WaitOptions {
  /** The longest wait from now, ms, at most 60,000; default 10,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const NAMES: Names<WaitOptions> = { timeoutMs: true, signal: true };

interface Waiter {
  readonly id: string;
  lastStatus: Status | null;
  readonly resolve: (job: JobView) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Resolves with the job once it is COMPLETED, DEAD_LETTER or CANCELLED. Rejects with QueueError `wait_timeout` (it names the job
 * and its status), `job_unknown`, `option_invalid`; with the signal's reason; with what Postgres says if no repetition can help.
 */
export class Waiting {
  readonly #executor: () => Executor;
  readonly #random: () => number;
  readonly #waiters = new Set<Waiter>();
  #pauseMs = FIRST_PAUSE_MS;
  #isLooking = false;
  #cause: unknown;
  #timer: NodeJS.Timeout | null = null;

  constructor(executor: () => Executor, random: () => number) {
    this.#executor = executor;
    this.#random = random;
  }

  async for(id: string, options: WaitOptions = {}): Promise<JobView> {
    onlyKnown(options, NAMES, { call: 'waitFor' });
    const { timeoutMs = DEFAULT_WAIT_MS, signal } = options;
    number('timeoutMs', timeoutMs, { min: 1, max: LIMITS.waitMs }, { call: 'waitFor' });
    signal?.throwIfAborted();
    if (!isJobId(id)) throw unknown(id);
    return new Promise<JobView>((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        this.#waiters.delete(waiter);
        if (this.#waiters.size === 0) this.#rest();
      };
      const waiter: Waiter = {
        id,
        lastStatus: null,
        resolve: (job) => {
          end();
          resolve(job);
        },
        reject: (reason) => {
          end();
          reject(reason);
        },
      };
      const abort = () => waiter.reject(signal?.reason);
      const timer = setTimeout(() => waiter.reject(this.#tooLate(waiter, timeoutMs)), timeoutMs);
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiters.add(waiter);
      this.#pauseMs = FIRST_PAUSE_MS;
      this.#lookAfter(0); // not at once: who else comes in this turn of the loop shares the statement
    });
  }

  #lookAfter(ms: number): void {
    if (this.#isLooking) return; // it looks again when it is done
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#look();
    }, ms);
  }

  #rest(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  async #look(): Promise<void> {
    const asked = [...this.#waiters];
    this.#isLooking = true;
    try {
      await this.#answer(asked);
      this.#cause = undefined;
    } catch (error) {
      if (classifyError(error) !== 'transient') for (const waiter of asked) waiter.reject(error);
      this.#cause = error; // a restart passes: whose time runs out meanwhile hears of it
    } finally {
      this.#isLooking = false;
    }
    if (this.#waiters.size === 0) return;
    const joined = [...this.#waiters].some((waiter) => !asked.includes(waiter));
    this.#lookAfter(joined ? 0 : this.#pauseMs * (0.8 + 0.4 * this.#random())); // processes that began together drift apart
    this.#pauseMs = Math.min(this.#pauseMs * GROWTH, LONGEST_PAUSE_MS);
  }

  async #answer(asked: readonly Waiter[]): Promise<void> {
    const ids = [...new Set(asked.map(({ id }) => id))];
    const finished: string[] = [];
    for (const some of slices(ids, LOOK_IDS)) {
      const looked = new Set(some);
      const statuses = await statusesOf(this.#executor(), some, ANSWER_TIMEOUT_MS);
      const found = new Map(statuses.map(({ id, status }) => [id, status]));
      for (const waiter of asked) {
        if (!looked.has(waiter.id)) continue;
        const status = found.get(waiter.id);
        if (status === undefined) waiter.reject(unknown(waiter.id));
        else waiter.lastStatus = status;
      }
      finished.push(...[...found].filter(([, status]) => hasEnded(status)).map(([id]) => id));
    }
    for (const some of slices(finished, BRING_JOBS)) {
      const rows = await findFinished(this.#executor(), some, ANSWER_TIMEOUT_MS);
      const jobs = new Map(rows.map((row) => [row.id, viewOf(row)]));
      for (const waiter of asked) {
        const job = jobs.get(waiter.id); // replayed in between: it waits on
        if (job) waiter.resolve(job);
      }
    }
  }

  #tooLate({ id, lastStatus }: Waiter, timeoutMs: number): QueueError {
    const is = lastStatus === null ? 'its state is not known' : `it is ${lastStatus}`;
    return new QueueError('wait_timeout', `waited ${timeoutMs} ms for job ${id}: ${is}`, { cause: this.#cause });
  }
}

function hasEnded(status: Status): boolean {
  return status !== 'PENDING' && status !== 'PROCESSING';
}

function unknown(id: string): QueueError {
  const shown = isJobId(id) ? id : JSON.stringify(String(id).slice(0, 50));
  return new QueueError('job_unknown', `there is no job ${shown}, or its history was pruned`);
}

function* slices<Item>(items: readonly Item[], size: number): Generator<readonly Item[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size);
}
