/** Counts what comes of a drain's jobs, per minute and type, and hands the counts to exchanges that go out anyway. Never asks for an exchange. */

import { countRun, emptyRollup, type Rollup, type RollupRow, type Run, rollupRow } from '../core/rollup.ts';
import type { ExchangeReply } from '../postgres/statements/exchange.ts';
import type { Ended } from './execution.ts';
import type { ExchangeAnswer } from './send-exchange.ts';

/** The interval at which counts are written while a drain works: each write is a row version for each type. */
const WRITE_MS = 1_000;
const MINUTE_MS = 60_000;

/** Counts on their way with an exchange, the outcomes of that exchange among them as if they were settled. */
export interface BufferedRollups {
  readonly minute: number;
  readonly json: { readonly version: number; readonly rows: readonly RollupRow[] };
  readonly rollups: readonly Rollup[];
}

export class RollupBuffer {
  /** Counts by minute since 1970, then by type. Minutes before the last one are dropped once written. */
  readonly #minutes = new Map<number, Map<string, Rollup>>();
  /** The minute of the database at its last answer: at most a heartbeat behind. */
  #minute = 0;
  /** The database's clock less this process's monotonic one, ms: of the answer that was on its way for the shortest time. */
  #aheadMs = Number.NEGATIVE_INFINITY;
  #writtenAtMs = Number.NEGATIVE_INFINITY;
  #isOut = false;

  /** Learns the database's time from an answer. */
  onAnswer({ nowMs, tookMs }: ExchangeReply, answeredAtMs: number): void {
    this.#aheadMs = Math.max(this.#aheadMs, nowMs + tookMs - answeredAtMs);
    this.#minute = Math.max(this.#minute, Math.floor(nowMs / MINUTE_MS));
  }

  /** Some count has not been written. */
  get isNew(): boolean {
    for (const types of this.#minutes.values()) for (const rollup of types.values()) if (rollup.isNew) return true;
    return false;
  }

  /** Counts that the coming exchange writes, its own outcomes included; null if it need not. `isLast`: no other may follow. */
  takeFor(
    ended: readonly Ended[],
    exchange: { version: number; nowMs: number; isLast: boolean },
  ): BufferedRollups | null {
    const { version, nowMs, isLast } = exchange;
    if (this.#isOut || (!isLast && nowMs - this.#writtenAtMs < WRITE_MS)) return null;
    if (ended.length === 0 && !this.isNew) return null;
    const minute = this.#minute;
    for (const one of ended) this.#count(one, minute, 1);
    const rows: RollupRow[] = [];
    const rollups: Rollup[] = [];
    for (const [at, types] of this.#minutes)
      for (const [type, rollup] of types) {
        if (!rollup.isNew) continue;
        rollup.isNew = false;
        rollups.push(rollup);
        rows.push(rollupRow(at, type, rollup));
      }
    if (rows.length === 0) return null;
    this.#isOut = true;
    this.#writtenAtMs = nowMs;
    return { minute, json: { version, rows }, rollups };
  }

  /**
   * Takes in the answer of an exchange that was sent with `sent`. Postgres writes no counts of an exchange that lost an outcome
   * or was split.
   */
  settle(carried: BufferedRollups | null, sent: readonly Ended[], { ended, answer }: ExchangeAnswer): void {
    if (carried) {
      this.#isOut = false;
      if (answer.lost.length === 0 && ended === sent) {
        this.#forgetWritten();
        return;
      }
      for (const one of sent) this.#count(one, carried.minute, -1);
      for (const rollup of carried.rollups) rollup.isNew = true;
    }
    const lost = new Set(answer.lost);
    for (const one of ended) if (!lost.has(one.execution.claimed.place)) this.#count(one, this.#minute, 1);
  }

  #count({ execution, settlement }: Ended, minute: number, by: 1 | -1): void {
    if (settlement.to === 'give_back') return;
    const { claimed, startedAtMs, endedAtMs } = execution;
    if (startedAtMs !== null)
      execution.waitedMs ??= Math.max(0, startedAtMs + this.#aheadMs - this.#dueMs(claimed.dueAt));
    const wasCut =
      execution.abortReason !== null && execution.abortReason !== 'timeout' && settlement.to !== 'completed';
    const runMs = startedAtMs === null || endedAtMs === null || wasCut ? null : endedAtMs - startedAtMs;
    this.#run.to = settlement.to;
    this.#run.waitMs = execution.waitedMs;
    this.#run.runMs = runMs;
    countRun(this.#rollup(minute, claimed.type), this.#run, by);
  }

  /** Jobs that were enqueued together are due together: parsing each anew is a fifth of a microsecond. */
  #dueMs(dueAt: string): number {
    if (dueAt !== this.#lastDueAt) {
      this.#lastDueAt = dueAt;
      this.#lastDueMs = Date.parse(dueAt);
    }
    return this.#lastDueMs;
  }
  #lastDueAt = '';
  #lastDueMs = 0;

  /** One for all jobs: a drain counts tens of thousands a second. */
  readonly #run: { -readonly [Key in keyof Run]: Run[Key] } = { to: 'completed', waitMs: null, runMs: null };

  #rollup(minute: number, type: string): Rollup {
    const types = this.#minutes.get(minute) ?? new Map<string, Rollup>();
    const rollup = types.get(type) ?? emptyRollup();
    if (types.size === 0) this.#minutes.set(minute, types);
    if (!types.has(type)) types.set(type, rollup);
    return rollup;
  }

  #forgetWritten(): void {
    for (const [minute, types] of this.#minutes)
      if (minute < this.#minute && ![...types.values()].some(({ isNew }) => isNew)) this.#minutes.delete(minute);
  }
}
