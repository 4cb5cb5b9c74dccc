/** Traces: a span for each enqueue, drain and run, and from a run a link to the enqueue of its job, whichever process that was in. */
import { context, type Link, type SpanContext, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AlwaysOffSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { openTelemetry } from '../src/monitoring/opentelemetry.ts';
import type { Database } from '../src/postgres/connect.ts';
import { counting, emptyTables, queueOf, rows, works } from './support.ts';

const noop = { mode: 'noop' } as const;

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
afterAll(() => context.disable());

/** A queue with a tracer of its own, as another process would have it. */
function tracedQueue(database: Database, options: { sampled?: boolean } = {}) {
  const exporter = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(exporter)],
    ...(options.sampled === false && { sampler: new AlwaysOffSampler() }),
  });
  const traced = queueOf(database, undefined, { telemetry: openTelemetry({ tracerProvider }) });
  const spans = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name);
  return { ...traced, spans, tracer: tracerProvider.getTracer('test'), all: () => exporter.getFinishedSpans() };
}

const idsOf = ({ traceId, spanId }: SpanContext) => ({ traceId, spanId });
const linksOf = ({ links }: { links: readonly Link[] }) => links.map((link) => idsOf(link.context));
const only = (spans: readonly ReadableSpan[]): ReadableSpan => {
  expect(spans).toHaveLength(1);
  return spans[0] as ReadableSpan;
};

describeOnOneDriver('traces', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  test('lead from a run in one process to the enqueue in another', async () => {
    const producer = tracedQueue(setup.database);
    const consumer = tracedQueue(setup.connect());
    const request = producer.tracer.startSpan('POST /orders');
    const job = await context.with(trace.setSpan(context.active(), request), () => producer.queue.addJob('work', noop));
    await consumer.queue.drain();

    const sent = only(producer.spans('send default'));
    expect(sent.kind).toBe(SpanKind.PRODUCER);
    expect(sent.parentSpanContext?.spanId).toBe(request.spanContext().spanId);
    expect(sent.attributes).toEqual({
      'messaging.system': 'jobqueue',
      'messaging.operation.type': 'send',
      'messaging.operation.name': 'send',
      'messaging.destination.name': 'default',
      'messaging.message.id': job?.id,
      'jobqueue.job.type': 'work',
    });

    const ran = only(consumer.spans('process default'));
    expect(ran.kind).toBe(SpanKind.CONSUMER);
    expect(linksOf(ran)).toEqual([idsOf(sent.spanContext())]);
    expect(ran.spanContext().traceId).not.toBe(sent.spanContext().traceId);
    expect(ran.attributes).toMatchObject({
      'messaging.system': 'jobqueue',
      'messaging.operation.type': 'process',
      'messaging.operation.name': 'process',
      'messaging.destination.name': 'default',
      'messaging.message.id': job?.id,
      'jobqueue.job.type': 'work',
      'jobqueue.job.attempt': 1,
      'jobqueue.job.fence': 1,
      'jobqueue.job.outcome': 'completed',
    });
    const drained = only(consumer.spans('drain'));
    expect(ran.parentSpanContext?.spanId).toBe(drained.spanContext().spanId);
    expect(drained.attributes).toMatchObject({ 'jobqueue.drain.completed': 1, 'jobqueue.drain.stop_reason': 'empty' });
  });

  test('hold the handler’s own spans as children of its run, also of runs beside each other and of jobs it enqueues', async () => {
    const { queue, seen, spans, tracer } = tracedQueue(setup.database);
    await queue.addJobs(works(20));
    seen.onStart = async ({ payload, checkpoint }) => {
      await checkpoint({ at: payload.n }); // the others start meanwhile
      tracer.startSpan(`inside ${payload.n}`).end();
      if (payload.n === 0) await queue.addJob('work', { mode: 'noop', n: 100 }, { delayMs: 60_000 });
    };
    await queue.drain();
    const runs = spans('process default');
    const batch = spans('send default').find(({ attributes }) => attributes['messaging.batch.message_count'] === 20);
    expect(runs).toHaveLength(20);
    for (const [n, context] of seen.contexts.entries()) {
      const run = runs.find(({ attributes }) => attributes['messaging.message.id'] === context.job.id);
      expect(only(spans(`inside ${context.payload.n}`)).parentSpanContext?.spanId, `job ${n}`).toBe(
        run?.spanContext().spanId,
      );
      expect(run && linksOf(run)).toEqual(batch && [idsOf(batch.spanContext())]);
    }
    const follower = spans('send default').find((span) => span !== batch);
    const first = seen.contexts.find(({ payload }) => payload.n === 0);
    const firstRun = runs.find(({ attributes }) => attributes['messaging.message.id'] === first?.job.id);
    expect(follower?.parentSpanContext?.spanId).toBe(firstRun?.spanContext().spanId);
  });

  test('are carried through each attempt, in a transaction and in a statement that somebody else sends', async () => {
    const { queue, spans, tracer } = tracedQueue(setup.database);
    await queue.addJob('work', { mode: 'retry_after', ms: 1 });
    await queue.drain({ limit: 1 });
    await rows(setup.database, 'update jobqueue.jobs set due_at = now()');
    await queue.drain({ limit: 1 });
    const [first, second] = spans('process default');
    expect(first && linksOf(first)).toHaveLength(1);
    expect(second && linksOf(second)).toEqual(first && linksOf(first));
    expect(second?.attributes['jobqueue.job.attempt']).toBe(2);

    await emptyTables(setup.database);
    const action = tracer.startSpan('server action');
    const statement = context.with(trace.setSpan(context.active(), action), () =>
      queue.statement([{ type: 'work', payload: noop }]),
    );
    await setup.database.execute(statement);
    await queue.drain();
    const ofStatement = spans('process default')[2];
    expect(ofStatement && linksOf(ofStatement)).toEqual([idsOf(action.spanContext())]);
  });

  test('name an error and its message, without stack and without what the job holds', async () => {
    const { queue, seen, spans, all } = tracedQueue(setup.database);
    seen.results.set(97_150_123_456, new RangeError('cannot send to 97150123456'));
    await queue.addJob('work', { mode: 'throw', n: 97_150_123_456 });
    await queue.drain({ limit: 1 });
    const ran = only(spans('process default'));
    expect(ran.status).toEqual({ code: SpanStatusCode.ERROR, message: 'cannot send to [data]' });
    expect(ran.attributes).toMatchObject({ 'error.type': 'RangeError', 'jobqueue.job.outcome': 'failed' });
    expect(ran.events.map(({ name, attributes }) => ({ name, attributes }))).toEqual([
      {
        name: 'exception',
        attributes: { 'exception.type': 'RangeError', 'exception.message': 'cannot send to [data]' },
      },
    ]);
    const told = all().map(({ name, attributes, events, status }) => ({ name, attributes, events, status }));
    expect(JSON.stringify(told)).not.toContain('97150123456');
  });

  test('end an enqueue that was refused as an error', async () => {
    const { queue, spans } = tracedQueue(setup.database);
    await expect(queue.addJob('work', { mode: 'nonsense' } as never)).rejects.toThrow('payload');
    const sent = only(spans('send default'));
    expect(sent.status).toEqual({ code: SpanStatusCode.ERROR, message: 'payload_invalid' });
    expect(sent.attributes['error.type']).toBe('QueueError');
  });

  test('of a handler that ignores its signal end when its outcome is decided', async () => {
    const { queue, seen, spans } = tracedQueue(setup.database);
    const cut = new AbortController();
    seen.onStart = () => cut.abort();
    await queue.addJob('work', { mode: 'deaf' });
    await queue.drain({ budgetMs: 10_000, signal: cut.signal });
    expect(only(spans('process default')).attributes['jobqueue.job.outcome']).toBe('interrupted');
    expect(spans('drain')).toHaveLength(1);
  });

  test('that nobody records put nothing into the table, and what is no traceparent is no link', async () => {
    const unsampled = tracedQueue(setup.database, { sampled: false });
    await unsampled.queue.addJobs(works(2));
    await queueOf(setup.database).queue.addJobs(works(1));
    expect(await rows(setup.database, 'select from jobqueue.jobs where meta is not null')).toHaveLength(0);
    await rows(setup.database, `update jobqueue.jobs set meta = '{"traceparent": "00-zz-zz-01", "schedule": "x"}'`);
    const { queue, spans } = tracedQueue(setup.database);
    expect(await queue.drain()).toMatchObject({ completed: 3 });
    expect(spans('process default').flatMap(linksOf)).toEqual([]);
  });

  test('leave an empty tick one statement, and an enqueue one', async () => {
    const { database, statements } = counting(setup.database);
    const { queue } = tracedQueue(database);
    await queue.drain();
    expect(statements).toHaveLength(1);
    await queue.addJobs(works(3));
    expect(statements).toHaveLength(2);
  });
});

describe('openTelemetry()', () => {
  test('uses the tracer that the app registers later', async () => {
    const telemetry = openTelemetry();
    expect(telemetry.send({ queue: 'default', type: 'work', count: 1 }).traceparent).toBeNull();
    trace.setGlobalTracerProvider(new BasicTracerProvider());
    try {
      expect(telemetry.send({ queue: 'default', type: 'work', count: 1 }).traceparent).toMatch(/^00-\w{32}-\w{16}-01$/);
    } finally {
      trace.disable();
    }
  });
});
