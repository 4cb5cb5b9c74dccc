/** The routes as another app mounts them: its own jobs, its own secrets, no logger of ours. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { freshDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { createQueue, defineJob, type LogLevel } from '../../src/index.ts';
import {
  cronRoute,
  drainRoute,
  healthRoute,
  jobsRoute,
  kickAfter,
  metricsRoute,
  operatorRoute,
  type RouteHandler,
} from '../../src/next/index.ts';
import { connect, type Database } from '../../src/postgres/index.ts';

const SECRET = 'a-secret-0123456789';
const VARIABLES = ['CRON_SECRET', 'OPERATOR_SECRET', 'METRICS_SECRET', 'QUEUE_API_KEY'];

let db: TestDatabase;
let database: Database;
let lines: [LogLevel, string, Readonly<Record<string, unknown>>][];
let loads: number;
let greeted: string[];

function makeQueue() {
  const greet = defineJob({
    type: 'greet',
    payload: z.object({ name: z.string() }),
    handler: async () => ({
      run: async (job) => {
        greeted.push(job.payload.name);
      },
    }),
  });
  return createQueue({ database, jobs: [greet], log: (...line) => lines.push(line) });
}
type App = ReturnType<typeof makeQueue>;

let queue: App;
/** As an app gives it, so that its route imports nothing until it is called. */
const lazily = async () => {
  loads++;
  return queue;
};

beforeAll(async () => {
  db = await freshDatabase();
  database = connect(db.url);
});
beforeEach(() => {
  [lines, loads, greeted] = [[], 0, []];
  queue = makeQueue();
  for (const name of VARIABLES) vi.stubEnv(name, SECRET);
});
afterEach(() => {
  vi.unstubAllEnvs();
});
afterAll(async () => {
  await database.close();
  await db.drop();
});

test('a tick drains what was enqueued over HTTP', async () => {
  const { POST: enqueue, GET: look } = jobsRoute(lazily);
  const [status, { id }] = await answer<{ id: string }>(
    enqueue(asking({ body: { type: 'greet', payload: { name: 'ann' } } })),
  );
  expect(status).toBe(201);
  const { GET: tick } = cronRoute(lazily);
  expect(await answer(tick(asking()))).toMatchObject([200, { source: 'cron', claimed: 1, completed: 1 }]);
  expect(greeted).toEqual(['ann']);
  expect(await answer(look(asking({ query: `?id=${id}` })))).toMatchObject([200, { id, status: 'COMPLETED' }]);
});

test('the schedules of the platform tick by POST, and an operator drains with a filter', async () => {
  await queue.addJob('greet', { name: 'bob' });
  expect(await answer(drainRoute(queue).POST(asking({ body: { types: ['greet'], dryRun: true } })))).toMatchObject([
    200,
    { warnings: [], lanes: [{ type: 'greet' }] },
  ]);
  expect(await answer(cronRoute(queue).POST(asking({ body: {} })))).toMatchObject([200, { completed: 1 }]);
  expect(await answer(operatorRoute(queue).POST(asking({ body: { action: 'overview' } })))).toMatchObject([200, {}]);
  const metrics = await metricsRoute(queue).GET(asking());
  expect([metrics.status, await metrics.text()]).toEqual([200, expect.stringContaining('jobqueue_')]);
  expect((await healthRoute(queue).GET(asking({ token: null }))).status).toBe(200);
});

test('a probe with the secret drains nothing, and one without is refused', async () => {
  await queue.addJob('greet', { name: 'eve' });
  const probe = (token?: null) => {
    const request = asking({ ...(token === null && { token }) });
    request.headers.set('x-jobqueue-probe', '1');
    return answer(cronRoute(queue).GET(request));
  };
  expect(await probe()).toEqual([200, { probe: true }]);
  expect(await probe(null)).toMatchObject([401, {}]);
  expect(await answer(cronRoute(queue).GET(asking()))).toMatchObject([200, { claimed: 1, completed: 1 }]);
});

const GUARDED: readonly [
  name: string,
  variable: string,
  call: (options?: { secret?: string | undefined }) => RouteHandler,
][] = [
  ['cronRoute', 'CRON_SECRET', (options) => cronRoute(lazily, options).GET],
  ['drainRoute', 'OPERATOR_SECRET', (options) => drainRoute(lazily, options).POST],
  ['operatorRoute', 'OPERATOR_SECRET', (options) => operatorRoute(lazily, options).POST],
  ['jobsRoute', 'QUEUE_API_KEY', (options) => jobsRoute(lazily, options).POST],
  ['metricsRoute', 'METRICS_SECRET', (options) => metricsRoute(lazily, options).GET],
];

describe.each(GUARDED)('%s', (_, variable, route) => {
  test('refuses a stranger before it loads the queue or reads the body', async () => {
    for (const token of [null, 'wrong-secret-0123456789', SECRET.slice(0, -1), 'undefined']) {
      const request = asking({ token, body: '{' });
      expect(await answer(route()(request))).toEqual([
        401,
        { error: { code: 'unauthorized', message: 'A valid bearer token is required.' } },
      ]);
      expect(request.bodyUsed).toBe(false);
    }
    expect(loads).toBe(0);
  });

  test('stays closed while its secret is unset or weak, and the queue’s log names the variable', async () => {
    for (const weak of ['', 'short', 'a secret with blanks']) {
      vi.stubEnv(variable, weak);
      if (variable === 'METRICS_SECRET') vi.stubEnv('OPERATOR_SECRET', weak);
      expect(await answer(route()(asking({ token: weak || null })))).toMatchObject([
        503,
        { error: { code: 'not_configured' } },
      ]);
    }
    await expect.poll(() => lines.length).toBe(3);
    expect(JSON.stringify(lines)).toMatch(
      variable === 'METRICS_SECRET' ? /METRICS_SECRET.*OPERATOR_SECRET|OPERATOR_SECRET.*METRICS_SECRET/ : variable,
    );
    expect(JSON.stringify(lines)).not.toContain('a secret with blanks');
  });

  test('takes a secret of the app’s own, and then no other', async () => {
    const own = 'of-the-app-0123456789';
    expect((await route({ secret: own })(asking({ token: SECRET }))).status).toBe(401);
    expect((await route({ secret: own })(asking({ token: own }))).status).not.toBe(401);
    expect((await route({ secret: undefined })(asking({ token: SECRET }))).status).toBe(503);
  });
});

test('a tick is not a HEAD request, which Next.js answers by calling GET', async () => {
  const { GET } = cronRoute(queue);
  const response = await GET(asking({ method: 'HEAD' }));
  expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, POST']);
  expect((await healthRoute(queue).GET(asking({ method: 'HEAD', token: null }))).status).toBe(200);
});

test.each([
  ['a body that is too large', () => asking({ body: { queue: 'x'.repeat(70_000) } }), 413],
  ['another content type', () => asking({ body: '{}', type: 'text/plain' }), 415],
  ['half an object', () => asking({ body: '{"queue":' }), 400],
  ['null', () => asking({ body: 'null' }), 400],
  ['an unknown field', () => asking({ body: { quue: 'x' } }), 400],
  ['more types than there are', () => asking({ body: { types: ['greet', 'greet'] } }), 400],
  ['more time than there is', () => asking({ body: { budgetMs: 300_001 } }), 400],
  ['a NUL byte', () => asking({ body: { queue: 'a\0b' } }), 400],
  ['__proto__', () => asking({ body: '{"__proto__":{"dryRun":true}}' }), 400],
])('a drain with %s is refused, and nothing of it is repeated', async (_, request, status) => {
  const [got, body] = await answer(drainRoute(queue).POST(request()));
  expect([got, body]).toMatchObject([status, { error: { code: expect.any(String) } }]);
  expect(JSON.stringify(body).length).toBeLessThan(1_000);
});

test('answers carry no CORS header, and none is cached', async () => {
  const origin = { headers: { origin: 'https://evil.example' } };
  for (const response of [
    await healthRoute(queue).GET(asking({ token: null, ...origin })),
    await cronRoute(queue).GET(asking({ token: null, ...origin })),
  ]) {
    expect([...response.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    expect(response.headers.get('cache-control')).toBe('no-store');
  }
});

test('a queue that cannot be loaded answers 500 without its reason, which the log has', async () => {
  const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const broken = cronRoute(async (): Promise<App> => {
    throw new Error('the configuration of the app');
  });
  expect(await answer(broken.GET(asking()))).toMatchObject([500, { error: { code: 'internal' } }]);
  await expect.poll(() => JSON.stringify(written.mock.calls)).toContain('the configuration of the app');
  written.mockRestore();
});

describe('kickAfter', () => {
  const VERCEL = Symbol.for('@vercel/request-context');
  const NEXT = Symbol.for('@next/request-context');
  afterEach(() => {
    for (const name of [VERCEL, NEXT]) Reflect.deleteProperty(globalThis, name);
  });

  test.each([
    ['@vercel/functions reads', VERCEL],
    ['Next.js reads', NEXT],
  ])('keeps the invocation alive by the context that %s', (_, name) => {
    const kept: Promise<unknown>[] = [];
    const deadline = new Date('2027-01-01T00:00:00Z');
    const context = { waitUntil: (promise: Promise<unknown>) => kept.push(promise), deadline: deadline.getTime() };
    Object.assign(globalThis, { [name]: { get: () => context } });
    const kick = kickAfter();
    kick.waitUntil(Promise.resolve());
    expect([kept.length, kick.deadline?.()]).toEqual([1, deadline]);
  });

  test('needs no platform: a server that runs on finishes the drain', async () => {
    const failures: unknown[] = [];
    const kick = kickAfter({ failed: (error) => failures.push(error) });
    const kicked = createQueue({
      database,
      jobs: queue.jobs,
      kick,
      log: (...line) => lines.push(line),
    });
    await kicked.addJob('greet', { name: 'carl' });
    kicked.kick();
    await expect.poll(() => greeted, { timeout: 10_000 }).toEqual(['carl']);
    expect([failures, kick.deadline?.()]).toEqual([[], undefined]);
  });
});

interface Asking {
  readonly method?: string;
  readonly token?: string | null;
  readonly body?: unknown;
  readonly type?: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function asking({ method, token = SECRET, body, type = 'application/json', query = '', headers = {} }: Asking = {}) {
  return new Request(`https://app.example/api${query}`, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      ...headers,
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': type }),
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
}

async function answer<Body = unknown>(response: Promise<Response>): Promise<readonly [number, Body]> {
  const answered = await response;
  return [answered.status, (await answered.json()) as Body];
}
