/** What a step says of its drain: who it is, and, when it is time, what its ledger row is to say. */

import type { DrainReport } from '../core/drain-report.ts';
import type { StepAnswer } from '../postgres/statements/step.ts';
import type { Tick } from '../reads/drains.ts';
import type { Timetable } from './deadlines.ts';
import type { Held } from './execution.ts';
import type { Parcel } from './send-exchange.ts';

/** The ledger row of a drain is brought up to date this often: each time is a row version. */
const TELL_EVERY_MS = 250;
/** An empty queue is waited for if its next job falls due within this time. */
const LINGER_MS = 10_000;

export interface LedgerEntryOptions {
  readonly report: DrainReport;
  readonly timetable: Timetable;
  readonly keyWindowMs: number;
  readonly tick: Tick;
}

export class LedgerEntry {
  readonly #options: LedgerEntryOptions;
  #toldAtMs = 0;
  #databaseMs = 0;
  #roundTripMs = 0;

  constructor(options: LedgerEntryOptions) {
    this.#options = options;
  }

  hear({ onTheWayMs, tookMs }: StepAnswer): void {
    this.#databaseMs += tookMs;
    this.#roundTripMs += onTheWayMs + tookMs;
  }

  /** Of many quick steps not each needs to tell. The first and the last do, and those that must: with news, or with a claim that may be the last. */
  tell(now: number, step: number, running: ReadonlySet<Held>, mustTell: boolean): Parcel['drain'] {
    const { report, timetable, keyWindowMs, tick } = this.#options;
    const tells = step === 1 || report.stopReason !== null || mustTell || now - this.#toldAtMs >= TELL_EVERY_MS;
    if (tells) this.#toldAtMs = now;
    return {
      id: report.id,
      source: report.source,
      step,
      deadlineMs: Math.max(0, timetable.endAtMs - now),
      keyWindowMs,
      lingerMs: Math.max(0, Math.min(timetable.cutAtMs - now, LINGER_MS)),
      ...(tells && { report, running: Array.from(running, (held) => held.claimed.id) }),
      ...(step === 1 ? { tick } : tells && { databaseMs: this.#databaseMs, roundTripMs: this.#roundTripMs }),
      stopReason: report.stopReason,
    };
  }
}
