/** The jobs in a drain's hands: which wait, which run, what each came to. Starts what fits, cuts what runs too long. */

import { byPlace, meanAfter, type Pace, timeLearntMs, timeNeededMs } from '../core/capacity.ts';
import { tellable } from '../core/scrub-error.ts';
import type { Outcome } from '../core/settle.ts';
import type { DrainSpan } from '../core/telemetry.ts';
import type { QueueAndType } from '../postgres/statements/step.ts';
import type { RateLimiter } from '../rate-limits/limiter.ts';
import type { Timetable } from './deadlines.ts';
import type { Held, News } from './execution.ts';
import type { Cut } from './run-handler.ts';
import { Gate } from './token-gate.ts';

/** A handler has this long to react to its signal before its slot is written off. */
const REACT_MS = 2_000;
/**
 * Without an answer of Postgres for so long nothing starts: it may have been paused. While anything is held, a step goes out more often
 * (see HEARTBEAT_MS), so this only ever waits for an answer that is late.
 */
const UNHEARD_MS = 2_000;
/** A lease must outlast its job by this much, or another drain could take it while it runs. */
const LEASE_SLACK_MS = 5_000;

export interface HandsOptions {
  readonly concurrency: number;
  readonly maxBatch: number;
  /** Pauses do not concern this drain. */
  readonly includePaused: boolean;
  readonly timetable: Timetable;
  /** The longest run of each type that this process has seen, ms. */
  readonly longestRunMs: Map<string, number>;
  /** `hold`: the handler still runs, so the lease must be left to end by itself. */
  readonly ended: (held: Held, outcome: Outcome, hold: boolean) => void;
  readonly wake: () => void;
  /** For traces; null where nobody asked for them. */
  readonly span: DrainSpan | null;
  readonly started: ((held: Held) => void) | null;
  readonly limiter: RateLimiter;
}

export class Hands {
  readonly #options: HandsOptions;
  readonly #gate: Gate;
  readonly #waiting: Held[] = [];
  readonly #running = new Set<Held>();
  readonly #startedTypes = new Set<string>();
  /** What other drains have seen. Not kept longer than this one: a type that got quicker must be found so. */
  #recentRunMs: Readonly<Record<string, number>> = {};
  /** Handlers that ignored their signal: their outcome is decided, but they still take a slot. */
  #zombies = 0;
  #suspect: Held | null = null;
  #meanRunMs: number | null = null;
  #stopped = false;
  #heardAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: HandsOptions) {
    this.#options = options;
    this.#gate = new Gate(options.limiter, options.wake);
  }

  get size(): number {
    return this.#running.size + this.#waiting.length;
  }

  get running(): ReadonlySet<Held> {
    return this.#running;
  }

  get isEmpty(): boolean {
    return this.size === 0;
  }

  /** No slot is left that could ever run something. */
  get unresponsive(): boolean {
    return this.#zombies >= this.#options.concurrency;
  }

  /** Nothing runs here, not even what should have ended. */
  get isIdle(): boolean {
    return this.size + this.#zombies === 0;
  }

  get freeSlots(): number {
    return Math.max(0, this.#options.concurrency - this.size - this.#zombies);
  }

  get suspect(): Held | null {
    return this.#suspect;
  }

  get pace(): Pace {
    const { concurrency, maxBatch } = this.#options;
    return { concurrency, maxBatch, meanRunMs: this.#meanRunMs };
  }

  hasStarted(type: string): boolean {
    return this.#startedTypes.has(type);
  }

  take(jobs: readonly Held[], now: number): void {
    for (const held of jobs) {
      if (held.isSuspect) this.#suspect = held;
      this.#waiting.push(held);
    }
    this.#waiting.sort((a, b) => byPlace(a.claimed, b.claimed));
    if (this.#stopped) this.giveBackWaiting();
    else this.start(now);
  }

  start(now: number): void {
    const { concurrency, includePaused } = this.#options;
    if (this.#stopped || (!includePaused && now - this.#heardAtMs >= UNHEARD_MS)) return;
    let n = 0; // those before it wait for a token, and others may pass them
    while (n < this.#waiting.length && this.#running.size + this.#zombies < concurrency) {
      const held = this.#waiting[n] as Held;
      if (held === this.#suspect && !held.announced) return; // Postgres learns that it runs before it can do harm
      const hasSlot = n < concurrency - this.#running.size - this.#zombies;
      const refusal =
        this.#unfit(held, now) ?? (held.definition.rateLimit === null ? null : this.#gate.ask(held, hasSlot, now));
      if (refusal === 'wait') {
        n++;
        continue;
      }
      if (n === 0) this.#waiting.shift();
      else this.#waiting.splice(n, 1);
      if (refusal === null) this.#run(held, now);
      else this.#end(held, refusal);
    }
  }

  /** Cuts what ran past its timeout, and writes off what did not react to its signal. */
  sweep(now: number): void {
    for (const held of this.#running) {
      if (held.cut === null && now - (held.startedAtMs ?? now) >= held.definition.timeoutMs) held.abort('timeout', now);
      if (held.cutAtMs !== null && now - held.cutAtMs >= REACT_MS) this.#abandon(held);
    }
  }

  /** Starts nothing more: what waits goes back free, what runs is told to end. */
  stop(cut: Cut, now: number): void {
    this.#stopped = true;
    this.giveBackWaiting();
    for (const held of this.#running) held.abort(cut, now);
  }

  giveBackWaiting(): void {
    this.#giveBack(this.#waiting.splice(0));
  }

  /** The queues and types that wait here; Postgres says which of them are paused. */
  get waiting(): readonly QueueAndType[] {
    const found = new Map<string, QueueAndType>();
    if (this.#options.includePaused) return [];
    for (const { claimed } of this.#waiting)
      found.set(laneOf(claimed.queue, claimed.type), [claimed.queue, claimed.type]);
    return [...found.values()];
  }

  /** Postgres has answered: what waits and was paused since it was claimed goes back. */
  hear(paused: readonly QueueAndType[], now: number): void {
    this.#heardAtMs = now;
    if (paused.length === 0) return;
    const lanes = new Set(paused.map(([queue, type]) => laneOf(queue, type)));
    const isPaused = ({ claimed }: Held) => lanes.has(laneOf(claimed.queue, claimed.type));
    const back = this.#waiting.filter(isPaused);
    this.#waiting.splice(0, this.#waiting.length, ...this.#waiting.filter((held) => !isPaused(held)));
    this.#giveBack(back);
  }

  #giveBack(jobs: readonly Held[]): void {
    for (const held of jobs) this.#end(held, { kind: 'unstarted', passed: false });
  }

  abandonRunning(): void {
    for (const held of this.#running) this.#abandon(held);
  }

  get wantsToTell(): boolean {
    if (this.#suspect !== null && !this.#suspect.announced) return true;
    for (const held of this.#running) if (held.hasCheckpoint) return true;
    return false;
  }

  takeNews(nowMs: number, isHeartbeat: boolean): News[] {
    const tellers = this.#suspect !== null && !this.#suspect.announced ? [this.#suspect] : [...this.#running];
    return tellers.map((held) => held.takeNews(nowMs, isHeartbeat)).filter((news) => news !== null);
  }

  longestRunMs(type: string): number {
    return Math.max(this.#options.longestRunMs.get(type) ?? 0, this.#recentRunMs[type] ?? 0);
  }

  /** Takes over how long runs of each type took of late, wherever they ran. */
  learn(recentRunMs: Readonly<Record<string, number>>): void {
    this.#recentRunMs = recentRunMs;
  }

  /** Too little time left, of the drain or of its lease, or its job is no longer ours. */
  #unfit(held: Held, now: number): Outcome | null {
    const leftMs = this.#options.timetable.cutAtMs - now;
    const fits = timeNeededMs(held.definition, this.longestRunMs(held.claimed.type)) <= leftMs;
    const leased = held.leaseEndsAtMs - now >= Math.min(held.definition.timeoutMs, leftMs) + LEASE_SLACK_MS;
    return fits && leased && held.cut === null ? null : { kind: 'unstarted', passed: !fits };
  }

  #run(held: Held, now: number): void {
    const { timetable, wake, span, started } = this.#options;
    if (held.definition.rateLimit !== null) this.#gate.leave(held);
    held.startedAtMs = now;
    this.#startedTypes.add(held.claimed.type);
    this.#running.add(held);
    const endsAtMs = Math.min(now + held.definition.timeoutMs, timetable.cutAtMs);
    started?.(held);
    held.span = span?.run(held.claimed) ?? null;
    const running = held.span === null ? held.run(endsAtMs, wake) : held.span.within(() => held.run(endsAtMs, wake));
    void running.then((outcome) => this.#ran(held, outcome));
  }

  #ran(held: Held, outcome: Outcome): void {
    const now = performance.now();
    if (!this.#running.delete(held)) {
      this.#zombies--; // its outcome was decided when it ignored its signal
      this.#options.wake();
      return;
    }
    held.endedAtMs = now;
    const runMs = now - (held.startedAtMs ?? now);
    if (outcome.kind !== 'postponed') this.#meanRunMs = meanAfter(this.#meanRunMs, runMs); // that was no run
    const wasCut = held.cut !== null && held.cut !== 'timeout';
    const { longestRunMs, timetable } = this.#options;
    const neededMs = timeLearntMs(runMs, wasCut, timetable.workMs);
    if (neededMs > (longestRunMs.get(held.claimed.type) ?? 0)) longestRunMs.set(held.claimed.type, neededMs);
    this.#end(held, outcome);
    this.start(now);
    if (this.isEmpty) this.#options.wake();
  }

  #abandon(held: Held): void {
    this.#running.delete(held);
    this.#zombies++;
    held.endedAtMs = performance.now();
    this.#end(held, held.abandon(), true);
  }

  #end(held: Held, outcome: Outcome, hold = false): void {
    if (held === this.#suspect) this.#suspect = null;
    held.span?.end(outcome.kind, 'error' in outcome ? tellable(outcome.error, held.data) : null);
    if (held.definition.rateLimit !== null) this.#gate.leave(held);
    this.#options.ended(held, outcome, hold);
  }
}

/** Names hold no line break. */
function laneOf(queue: string, type: string): string {
  return `${queue}\n${type}`;
}
