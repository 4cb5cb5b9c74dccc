/** One drain: claim, run and settle until the deadline leaves no room. Moves the executor and the exchange loop along. */
import type { DrainReport, StopReason } from '../core/drain-report.ts';
import { drainWithin } from '../core/telemetry.ts';
import type { DrainOptions } from './drain-options.ts';
import { beginRun, type DrainContext, type DrainRun } from './drain-run.ts';
import { notDrained } from './environment.ts';
import { ExchangeLoop } from './exchange-loop.ts';
import { JobExecutor } from './executor.ts';
import { Outbox } from './outbox.ts';
import { register } from './process-peers.ts';
import { onShutdown } from './shutdown.ts';

/** The interval at which timeouts are checked, and thus their accuracy. */
const SWEEP_MS = 50;

/** Drains until the deadline, the limit or an empty queue. Throws only if Postgres never answered at all. */
export async function drain(context: DrainContext, options: DrainOptions): Promise<DrainReport> {
  const one = new Drain(context, options);
  const stop = () => one.stop();
  const unwatch = onShutdown(() => one.shutDown());
  options.signal?.addEventListener('abort', stop);
  if (options.signal?.aborted) one.stop();
  try {
    const report = await drainWithin(one.run.span, () => one.toTheEnd());
    context.log(report.unconfirmed > 0 ? 'warn' : 'info', 'drain_ended', { report });
    if (one.otherEnvironment !== null)
      context.log('warn', 'other_environment', {
        message: notDrained({ own: context.environment, owner: one.otherEnvironment }),
      });
    return report;
  } finally {
    options.signal?.removeEventListener('abort', stop);
    unwatch();
  }
}

class Drain {
  readonly run: DrainRun;
  readonly #executor: JobExecutor;
  readonly #loop: ExchangeLoop;
  #stopped = false;
  #wakeUp: () => void = () => undefined;

  constructor(context: DrainContext, options: DrainOptions) {
    this.run = beginRun(context, options, () => this.#wakeUp());
    const outbox = new Outbox(this.run);
    this.#executor = new JobExecutor(this.run, outbox);
    this.#loop = new ExchangeLoop(this.run, this.#executor, outbox);
  }

  get otherEnvironment(): string | null {
    return this.#loop.otherEnvironment;
  }

  /** The caller's signal. */
  stop(): void {
    this.run.deadlines.stop();
    this.#stop();
  }

  /** SIGTERM: also while it winds up, because the platform waits no longer for that. */
  shutDown(): void {
    this.run.deadlines.shutDown();
    this.#stop();
  }

  #stop(): void {
    this.#stopped = true;
    this.#wakeUp();
  }

  async toTheEnd(): Promise<DrainReport> {
    const { report } = this.run;
    const leave = register(this.#loop);
    try {
      report.stopReason = await this.#work();
      await this.#windUp();
    } finally {
      leave();
    }
    const { failure } = this.#loop;
    if (failure?.total) throw failure.error;
    return { ...report }; // an answer that comes later changes nothing of what was said
  }

  async #work(): Promise<StopReason> {
    for (;;) {
      const now = performance.now();
      this.#executor.sweep(now);
      this.#executor.start(now);
      const reason = this.#reasonToStop(now);
      if (reason !== null) return reason;
      const { send, wakeInMs } = this.#loop.sendIfDue(now);
      if (send) continue;
      await this.#pause(this.#executor.isEmpty ? wakeInMs : Math.min(wakeInMs, SWEEP_MS));
    }
  }

  #reasonToStop(now: number): StopReason | null {
    if (this.#loop.failure !== null) return 'database_unreachable';
    if (this.#stopped) return 'stopped';
    if (this.#loop.otherEnvironment !== null) return 'other_environment';
    if (now >= this.run.deadlines.abortAtMs) return 'deadline';
    if (this.#executor.unresponsive) return 'unresponsive';
    return this.#loop.isQuiet ? this.#loop.reasonToEnd : null;
  }

  /** Waiting jobs are given back at once; running ones get until `settleAtMs` to end by themselves. */
  async #windUp(): Promise<void> {
    const { deadlines } = this.run;
    this.#executor.stop(this.#stopped ? 'shutdown' : 'deadline', performance.now());
    if (this.#stopped) this.#loop.sendEnded(performance.now());
    while (this.#executor.running.size > 0) {
      const now = performance.now();
      if (now >= deadlines.settleAtMs) break;
      this.#executor.sweep(now);
      this.#loop.sendIfDue(now, false);
      if (this.#executor.running.size > 0) await this.#pause(Math.min(SWEEP_MS, deadlines.settleAtMs - now));
    }
    this.#executor.abandonRunning();
    await this.#loop.close((ms) => this.#pause(ms));
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
