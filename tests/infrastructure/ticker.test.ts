import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readSchedules, startTicker, type Ticker } from '@conversure/jobqueue/dev';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

let server: Server;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let requests: IncomingMessage[];
let lines: string[];
let ticker: Ticker;

beforeEach(async () => {
  requests = [];
  lines = [];
  server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(() => {
  ticker.stop();
  server.closeAllConnections();
  server.close();
});

const EVERY_SECOND = '* * * * * *'; // the ticker's own language has seconds; the platform's starts at minutes

function tick(paths = ['/api/cron/drain']): void {
  ticker = startTicker({
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    schedules: paths.map((path) => ({ path, schedule: EVERY_SECOND })),
    secret: 'the-secret',
    print: (line) => lines.push(line),
  });
}

const until = (condition: () => boolean) => vi.waitUntil(condition, { timeout: 10_000, interval: 10 });
const json = (status: number, body: object) => (_: IncomingMessage, response: ServerResponse) => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};

test('asks as the platform asks', async () => {
  answer = json(200, { claimed: 0 });
  tick(['/api/cron/drain', '/api/cron/other?x=1']);
  const asked = () => new Set(requests.map(({ method, url }) => `${method} ${url}`));
  await until(() => asked().size >= 2); // a second may begin between the starts of the two crons
  expect(asked()).toEqual(new Set(['GET /api/cron/drain', 'GET /api/cron/other?x=1']));
  expect(requests[0]?.headers).toMatchObject({
    authorization: 'Bearer the-secret',
    'x-vercel-cron-schedule': EVERY_SECOND,
  });
});

test('an empty tick says nothing, a busy one says what it did', async () => {
  answer = (request, response) => {
    const busy = {
      claimed: 5,
      completed: 4,
      retried: 1,
      steps: 3,
      stopReason: 'empty',
      nextDueInMs: 800,
      unhandled: [],
    };
    json(200, requests.length === 1 ? { claimed: 0, steps: 1, stopReason: 'empty', nextDueInMs: 800 } : busy)(
      request,
      response,
    );
  };
  tick();
  await until(() => lines.length > 0);
  expect(requests.length).toBeGreaterThanOrEqual(2);
  expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d \/api\/cron\/drain: claimed 5, completed 4, retried 1 \(empty\)$/);
});

test('a refusal is shown in the words of the app, without the secret', async () => {
  answer = json(401, { error: { code: 'unauthorized', message: 'A valid bearer token is required.' } });
  tick();
  await until(() => lines.length > 0);
  expect(lines[0]).toMatch(/: 401 A valid bearer token is required\.$/);
});

test('an app that is down is reported, and asked again', async () => {
  answer = (request) => request.socket.destroy();
  tick();
  await until(() => lines.length >= 2);
  expect(lines[0]).toMatch(/no answer \(socket hang up\)$/);
});

test('a tick whose predecessor still runs is left out', async () => {
  const waiting: ServerResponse[] = [];
  answer = (request, response) => {
    if (request.url === '/slow') waiting.push(response);
    else json(200, { claimed: 0 })(request, response);
  };
  tick(['/slow', '/quick']);
  const asked = (path: string) => requests.filter(({ url }) => url === path).length;
  await until(() => asked('/quick') >= 3);
  expect(asked('/slow')).toBe(1);
  waiting[0]?.end('{}');
  await until(() => asked('/slow') === 2);
});

test('no tick begins after a stop, and one that is cut by it is no news', async () => {
  answer = () => {};
  tick();
  await until(() => requests.length === 1);
  ticker.stop();
  server.closeAllConnections();
  const later = startTicker({
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    schedules: [{ path: '/later', schedule: EVERY_SECOND }],
    secret: 'the-secret',
    print: () => {},
  });
  await until(() => requests.some(({ url }) => url === '/later'));
  later.stop();
  expect(requests.filter(({ url }) => url === '/api/cron/drain').length).toBe(1);
  expect(lines).toEqual([]);
});

test('the schedules of the repository are valid cron lines of five fields', () => {
  const schedules = readSchedules(new URL('../../vercel.json', import.meta.url).pathname);
  ticker = startTicker({ origin: 'http://127.0.0.1:1', schedules, secret: 'x', print: () => {} });
  expect(schedules).toContainEqual({ path: '/api/cron/drain', schedule: '* * * * *' });
  for (const { schedule } of schedules) expect(schedule.split(' ')).toHaveLength(5);
});
