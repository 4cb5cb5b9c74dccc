/** The drain's part of an exchange: its identity and, at intervals, its ledger row. */

import type { ExchangeReply } from '../postgres/statements/exchange.ts';
import type { DrainRun } from './drain-run.ts';
import type { Execution } from './execution.ts';
import type { ExchangeRequest } from './send-exchange.ts';

/** The ledger row of a drain is brought up to date this often: each time is a row version. */
const REPORT_EVERY_MS = 250;
/** An empty queue is waited for if its next job falls due within this time. */
const LINGER_MS = 10_000;

export class LedgerEntry {
  readonly #run: DrainRun;
  #reportedAtMs = 0;
  #databaseMs = 0;
  #roundTripMs = 0;

  constructor(run: DrainRun) {
    this.#run = run;
  }

  onAnswer({ onTheWayMs, tookMs }: ExchangeReply): void {
    this.#databaseMs += tookMs;
    this.#roundTripMs += onTheWayMs + tookMs;
  }

  /**
   * Of many quick exchanges not each needs a report. The first and the last report, and those that must: with updates, or with a
   * claim that may be the last.
   */
  report(now: number, serial: number, running: ReadonlySet<Execution>, mustReport: boolean): ExchangeRequest['drain'] {
    const { report, deadlines, keyWindowMs, invocation } = this.#run;
    const reports =
      serial === 1 || report.stopReason !== null || mustReport || now - this.#reportedAtMs >= REPORT_EVERY_MS;
    if (reports) this.#reportedAtMs = now;
    return {
      id: report.id,
      source: report.source,
      step: serial,
      deadlineMs: Math.max(0, deadlines.endAtMs - now),
      keyWindowMs,
      lingerMs: Math.max(0, Math.min(deadlines.abortAtMs - now, LINGER_MS)),
      ...(reports && { report, running: Array.from(running, ({ claimed }) => claimed.id) }),
      ...(serial === 1
        ? { tick: invocation }
        : reports && { databaseMs: this.#databaseMs, roundTripMs: this.#roundTripMs }),
      stopReason: report.stopReason,
    };
  }
}
