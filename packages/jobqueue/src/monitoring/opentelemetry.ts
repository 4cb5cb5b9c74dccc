/**
 * OpenTelemetry for the queue: `createQueue({ telemetry: openTelemetry() })`. The only file that imports `@opentelemetry/api`,
 * an optional peer. Names and attributes follow the semantic conventions for messaging:
 * https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
 */
import {
  type Attributes,
  type Context,
  context,
  isSpanContextValid,
  type Link,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import type { DrainSpan, RunSpan, SendSpan, SentBatch, Telemetry } from '../core/telemetry.ts';

const SYSTEM = 'jobqueue';

/** Options of `openTelemetry`. */
export interface OpenTelemetryOptions {
  /** Default: the one that is registered globally, also when that happens later. */
  readonly tracerProvider?: TracerProvider;
}

/** A span for each enqueue, drain and run; a run links to the enqueue of its job, wherever that was. */
export function openTelemetry({ tracerProvider = trace }: OpenTelemetryOptions = {}): Telemetry {
  const tracer = tracerProvider.getTracer('conversure-jobqueue');
  return {
    send(batch) {
      const span = tracer.startSpan(nameOf('send', batch.queue), {
        kind: SpanKind.PRODUCER,
        attributes: sendAttributes(batch),
      });
      return sendSpan(span, trace.setSpan(context.active(), span), batch);
    },
    traceparent: () => traceparentOf(trace.getSpanContext(context.active())),
    drain({ id, source }) {
      const attributes = { 'jobqueue.drain.id': id, 'jobqueue.drain.source': source };
      const span = tracer.startSpan('drain', { kind: SpanKind.INTERNAL, attributes });
      const within = trace.setSpan(context.active(), span);
      return drainSpan(span, within, (name, options) => tracer.startSpan(name, options, within));
    },
  };
}

function sendSpan(span: Span, within: Context, { count }: SentBatch): SendSpan {
  return {
    traceparent: traceparentOf(span.spanContext()),
    within: (work) => context.with(within, work),
    end(added) {
      const duplicates = added.filter(({ duplicate }) => duplicate).length;
      const [only] = added;
      if (count === 1 && only) span.setAttribute('messaging.message.id', only.id);
      if (duplicates > 0) span.setAttribute('jobqueue.duplicates', duplicates);
      span.end();
    },
    failed: (error) => endAsFailed(span, error),
  };
}

function drainSpan(
  span: Span,
  within: Context,
  start: (name: string, options: { kind: SpanKind; links: Link[]; attributes: Attributes }) => Span,
): DrainSpan {
  return {
    within: (work) => context.with(within, work),
    run(job) {
      const producer = spanContextOf(job.meta?.traceparent);
      const run = start(nameOf('process', job.queue), {
        kind: SpanKind.CONSUMER,
        links: producer ? [{ context: producer }] : [],
        attributes: {
          'messaging.system': SYSTEM,
          'messaging.operation.type': 'process',
          'messaging.operation.name': 'process',
          'messaging.destination.name': job.queue,
          'messaging.message.id': job.id,
          'jobqueue.job.type': job.type,
          'jobqueue.job.attempt': job.attempt + 1,
          'jobqueue.job.fence': job.fence,
        },
      });
      return runSpan(run, trace.setSpan(within, run));
    },
    end(report) {
      const { claimed, completed, retried, deadLettered, lost, unconfirmed, rescued, steps, stopReason } = report;
      span.setAttributes({
        'jobqueue.drain.claimed': claimed,
        'jobqueue.drain.completed': completed,
        'jobqueue.drain.retried': retried,
        'jobqueue.drain.dead_lettered': deadLettered,
        'jobqueue.drain.lost': lost,
        'jobqueue.drain.unconfirmed': unconfirmed,
        'jobqueue.drain.rescued': rescued,
        'jobqueue.drain.steps': steps,
        ...(stopReason !== null && { 'jobqueue.drain.stop_reason': stopReason }),
      });
      span.end();
    },
    failed: (error) => endAsFailed(span, error),
  };
}

function runSpan(span: Span, within: Context): RunSpan {
  return {
    within: (work) => context.with(within, work),
    end(outcome, error) {
      span.setAttribute('jobqueue.job.outcome', outcome);
      if (error && outcome === 'failed') recordFailure(span, error.name, error.message);
      span.end();
    },
  };
}

/** The message of an error from outside of a handler is not told: a driver may put rows and parameters into it. */
function endAsFailed(span: Span, error: unknown): void {
  const name = error instanceof Error ? error.name : typeof error;
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : name;
  recordFailure(span, name, code);
  span.end();
}

/** No stack trace: it stands with the job, and its lines can quote what the message must not. */
function recordFailure(span: Span, name: string, message: string): void {
  span.setAttribute('error.type', name);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
  span.addEvent('exception', { 'exception.type': name, 'exception.message': message });
}

function sendAttributes({ queue, type, count }: SentBatch): Attributes {
  return {
    'messaging.system': SYSTEM,
    'messaging.operation.type': 'send',
    'messaging.operation.name': 'send',
    ...(queue !== null && { 'messaging.destination.name': queue }),
    ...(type !== null && { 'jobqueue.job.type': type }),
    ...(count > 1 && { 'messaging.batch.message_count': count }),
  };
}

function nameOf(operation: 'send' | 'process', queue: string | null): string {
  return queue === null ? operation : `${operation} ${queue}`;
}

/** Jobs of an unsampled trace carry nothing: it would cost each job 80 bytes, and nobody could look it up. */
function traceparentOf(spanContext: SpanContext | undefined): string | null {
  if (!spanContext || !isSpanContextValid(spanContext)) return null;
  if ((spanContext.traceFlags & TraceFlags.SAMPLED) === 0) return null;
  return `00-${spanContext.traceId}-${spanContext.spanId}-01`;
}

/** https://www.w3.org/TR/trace-context/#traceparent-header; anything else, say from SQL, is no link. */
function spanContextOf(traceparent: unknown): SpanContext | null {
  const parts =
    typeof traceparent === 'string' ? /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent) : null;
  const [, traceId, spanId, flags] = parts ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return null;
  const found = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED, isRemote: true };
  return isSpanContextValid(found) ? found : null;
}
