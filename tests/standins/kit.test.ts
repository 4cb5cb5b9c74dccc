/** The kit of the stand-ins: each fault is what a caller over real HTTP sees, and says whether the call took effect. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type StandIn, startStandIn } from './kit/stand-in.ts';

let processed = 0;
let standIn: StandIn;

beforeAll(async () => {
  standIn = await startStandIn({
    name: 'echo',
    handle: ({ body }) => {
      processed++;
      return { status: 200, body: { echo: body, n: processed } };
    },
    state: () => ({ processed }),
    controls: { forget: () => ({ forgot: processed }) },
  });
});
afterAll(() => standIn.close());
afterEach(() => {
  standIn.faults.clear();
  processed = 0;
});

const post = (path = '/things') => fetch(`${standIn.origin}${path}`, { method: 'POST', body: 'hello' });

test('without faults the vendor answers', async () => {
  expect(await (await post()).json()).toEqual({ echo: 'hello', n: 1 });
  expect(standIn.calls.at(-1)).toMatchObject({ method: 'POST', path: '/things', body: 'hello' });
});

test('a reset before processing has no effect, one after it has: the caller cannot tell them apart', async () => {
  standIn.faults.add({ reset: 'before' });
  await expect(post()).rejects.toThrow('fetch failed');
  expect(processed).toBe(0);
  standIn.faults.add({ reset: 'after' });
  await expect(post()).rejects.toThrow('fetch failed');
  expect(processed).toBe(1);
});

test('a status is answered without processing: as JSON, or as the HTML page of a proxy', async () => {
  standIn.faults.add({ status: 400, body: { error: { code: 130429 } } });
  const refused = await post();
  expect([refused.status, await refused.json()]).toEqual([400, { error: { code: 130429 } }]);
  standIn.faults.add({ status: 502 });
  const page = await post();
  expect([page.status, page.headers.get('content-type')]).toEqual([502, 'text/html; charset=utf-8']);
  expect(await page.text()).toContain('<html>');
  expect(processed).toBe(0);
});

test('a truncated answer breaks off in the middle', async () => {
  standIn.faults.add({ truncate: true });
  const answer = await post();
  expect(answer.status).toBe(200);
  await expect(answer.text()).rejects.toThrow('terminated');
  expect(processed).toBe(1);
});

test('a fault meets the calls that it names, as often as it says', async () => {
  standIn.faults.add({ match: '^POST /broken$', times: 2, status: 500 });
  expect((await post()).status).toBe(200);
  expect((await post('/broken')).status).toBe(500);
  expect((await post('/broken')).status).toBe(500);
  expect((await post('/broken')).status).toBe(200);
});

test('it is steered over HTTP, so that it can run in a process of its own', async () => {
  const control = (method: string, name: string, body?: unknown) =>
    fetch(`${standIn.origin}/__standin/${name}`, { method, ...(body !== undefined && { body: JSON.stringify(body) }) });
  await control('POST', 'faults', { status: 503, times: null });
  expect((await post()).status).toBe(503);
  expect((await post()).status).toBe(503);
  await control('DELETE', 'faults');
  expect((await post()).status).toBe(200);
  expect(await (await control('GET', 'state')).json()).toEqual({ processed: 1 });
  expect(await (await control('POST', 'forget')).json()).toEqual({ forgot: 1 });
  const before = standIn.clock.now();
  await control('POST', 'clock', { advanceMs: 60_000 });
  expect(standIn.clock.now() - before).toBeGreaterThanOrEqual(60_000);
  expect((await control('POST', 'nonsense')).status).toBe(404);
});

test('a fault that would do nothing is refused', () => {
  expect(() => standIn.faults.add({ match: 'x' })).toThrow('expected at least one of');
});
