/** The three instants that bound a drain, on the monotonic clock in ms: everything that waits or tries again looks here. */

/** Handlers get this long to react to their signal, and the last exchange as long again; less of a short budget. */
const RESERVE_MS = 2_000;
/** The platform allows 500 ms after SIGTERM: handlers get the first part, the last exchange the rest. */
const SHUTDOWN_MS = { handlers: 200, all: 450 };

export class Deadlines {
  /** Time from the start to `abortAtMs`. */
  readonly workMs: number;
  /** Handlers are told to end, and nothing more is started. */
  readonly abortAtMs: number;
  /** The outcome of whatever has not ended is decided. */
  settleAtMs: number;
  /** The platform ends the invocation: no exchange is tried after it. */
  endAtMs: number;
  readonly #reserveMs: number;

  constructor(totalMs: number) {
    const reserveMs = Math.min(Math.max(totalMs * 0.1, 100), RESERVE_MS);
    this.endAtMs = performance.now() + totalMs;
    this.settleAtMs = this.endAtMs - reserveMs;
    this.abortAtMs = this.settleAtMs - reserveMs;
    this.workMs = totalMs - 2 * reserveMs;
    this.#reserveMs = reserveMs;
  }

  /** Ends the drain as its deadline would, only now. */
  stop(): void {
    this.#bringForward(this.#reserveMs, 2 * this.#reserveMs);
  }

  /** Ends it before the platform ends the process. */
  shutDown(): void {
    this.#bringForward(SHUTDOWN_MS.handlers, SHUTDOWN_MS.all);
  }

  #bringForward(settleInMs: number, endInMs: number): void {
    const now = performance.now();
    this.settleAtMs = Math.min(this.settleAtMs, now + settleInMs);
    this.endAtMs = Math.min(this.endAtMs, now + endInMs);
  }
}
