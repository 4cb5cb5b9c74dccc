/** The interface between the queue and an adapter for tracing such as opentelemetry.ts. It knows no tracing library. */

import type { ClaimedJob } from './claimed-job.ts';
import type { DrainReport } from './drain-report.ts';
import type { ScrubbedError } from './scrub-error.ts';
import type { Outcome } from './settle.ts';

/** An adapter to a tracing library, given to `createQueue({ telemetry })`. Its calls are synchronous and must not throw. */
export interface Telemetry {
  /** An enqueue begins. */
  send(batch: SentBatch): SendSpan;
  /** The trace of the caller, as jobs carry it whose insert somebody else sends; null outside of any. */
  traceparent(): string | null;
  /** A drain begins. */
  drain(drain: { readonly id: string; readonly source: string }): DrainSpan;
}

/** The jobs of one enqueue, as a tracer sees them. */
export interface SentBatch {
  /** Null if the jobs go to several. */
  readonly queue: string | null;
  readonly type: string | null;
  readonly count: number;
}

/** The span of one enqueue. */
export interface SendSpan {
  /** The W3C traceparent that jobs carry; null: none. */
  readonly traceparent: string | null;
  within<T>(work: () => T): T;
  end(added: readonly { readonly id: string; readonly duplicate: boolean }[]): void;
  failed(error: unknown): void;
}

/** The span of one drain. */
export interface DrainSpan {
  within<T>(work: () => T): T;
  /** A run begins, as the next attempt of `job`. */
  run(job: ClaimedJob): RunSpan;
  end(report: DrainReport): void;
  failed(error: unknown): void;
}

/** The span of one run of a job. */
export interface RunSpan {
  /** The handler runs in here, so that its own spans are children of this one. */
  within<T>(work: () => T): T;
  end(outcome: Outcome['kind'], error: ScrubbedError | null): void;
}

/** Runs the drain within its span. */
export async function drainWithin(span: DrainSpan | null, work: () => Promise<DrainReport>): Promise<DrainReport> {
  if (span === null) return work();
  try {
    const report = await span.within(work);
    span.end(report);
    return report;
  } catch (error) {
    span.failed(error);
    throw error;
  }
}

/** Sends jobs within a span of their own, which they carry along. */
export async function sendWithin<Added extends Parameters<SendSpan['end']>[0]>(
  telemetry: Telemetry,
  batch: SentBatch,
  send: (traceparent: string | null) => Promise<Added>,
): Promise<Added> {
  const span = telemetry.send(batch);
  try {
    const added = await span.within(() => send(span.traceparent));
    span.end(added);
    return added;
  } catch (error) {
    span.failed(error);
    throw error;
  }
}
