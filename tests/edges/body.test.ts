/** Request bodies are bounded while they are read, and refused in words that never repeat them. */
import { readJson, readQuery } from '@conversure/jobqueue/next';
import { expect, test, vi } from 'vitest';
import { z } from 'zod';
import { few } from '../../lib/fields.ts';
import { endpoint } from '../../lib/http/errors.ts';
import { log } from '../../lib/log.ts';

const schema = z.strictObject({ text: z.string() });
const echo = endpoint(async (request) => Response.json(await readJson(request, schema, { maxBytes: 100 })));
const JSON_TYPE = { 'content-type': 'application/json' };

test('well-formed JSON within the bound is read', async () => {
  const body = JSON.stringify({ text: 'مرحبا' });
  expect(await answer(echo, { body, headers: { 'content-type': 'Application/JSON; charset=utf-8' } })).toEqual([
    200,
    { text: 'مرحبا' },
  ]);
});

test('an empty stream is no body: what servers hand out where a client sent none', async () => {
  const optional = z.strictObject({ text: z.string() }).prefault({ text: 'default' });
  const request = new Request('http://localhost/', {
    method: 'POST',
    body: new Blob([]).stream(),
    duplex: 'half',
  } as RequestInit);
  expect(await readJson(request, optional, { maxBytes: 50 })).toEqual({ text: 'default' });
});

test.each<[string, RequestInit, number, string]>([
  ['another content type', { body: '{}', headers: { 'content-type': 'text/plain' } }, 415, 'unsupported_media_type'],
  ['a form', { body: new URLSearchParams({ text: 'x' }) }, 415, 'unsupported_media_type'],
  ['bytes without a content type', { body: Buffer.from('{}') }, 415, 'unsupported_media_type'],
  ['no body', {}, 400, 'request_invalid'],
  ['an empty body', { body: '', headers: JSON_TYPE }, 400, 'json_malformed'],
  ['half an object', { body: '{"text": "s3cret', headers: JSON_TYPE }, 400, 'json_malformed'],
  ['bytes that are not UTF-8', { body: Buffer.from([0x22, 0xff, 0x22]), headers: JSON_TYPE }, 400, 'json_malformed'],
  ['an unknown field', { body: '{"text":"","texts":""}', headers: JSON_TYPE }, 400, 'request_invalid'],
  ['another type of field', { body: '{"text":1}', headers: JSON_TYPE }, 400, 'request_invalid'],
  [
    'a body over the bound',
    { body: JSON.stringify({ text: 'x'.repeat(100) }), headers: JSON_TYPE },
    413,
    'body_too_large',
  ],
])('%s is refused', async (_, init, status, code) => {
  const [got, body] = await answer(echo, init);
  expect([got, body]).toMatchObject([status, { error: { code, message: expect.any(String) } }]);
  expect(JSON.stringify(body)).not.toContain('s3cret');
});

test('an endless body without a content-length is cut at the bound, not collected', async () => {
  let sent = 0;
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      sent += 64;
      controller.enqueue(new Uint8Array(64));
    },
    cancel: () => {
      cancelled = true;
    },
  });
  const [status] = await answer(echo, { body, headers: JSON_TYPE, duplex: 'half' } as RequestInit);
  expect(status).toBe(413);
  expect(cancelled).toBe(true);
  expect(sent).toBeLessThan(1000);
});

test('a content-length over the bound is refused before a byte is read', async () => {
  const [status] = await answer(echo, { body: '{}', headers: { ...JSON_TYPE, 'content-length': '5000000' } });
  expect(status).toBe(413);
});

test('the issues name the path of each mistake', async () => {
  const [, body] = await answer(echo, { body: '{"text":1}', headers: JSON_TYPE });
  expect(body).toMatchObject({ error: { issues: [{ path: 'text', message: expect.stringContaining('string') }] } });
});

test('a query parameter given twice is refused, not guessed', async () => {
  const ask = endpoint(async (request) => Response.json(readQuery(request, z.strictObject({ id: z.string() }))));
  expect((await ask(new Request('https://queue.example/?id=1'))).status).toBe(200);
  expect((await ask(new Request('https://queue.example/?id=1&id=2'))).status).toBe(400);
  expect((await ask(new Request('https://queue.example/?id=1&other=2'))).status).toBe(400);
});

test('an address beyond the bound is refused before it is parsed', async () => {
  const handle = vi.fn(async () => new Response());
  const response = await endpoint(handle)(new Request(`https://queue.example/?${'a&'.repeat(10_000)}`));
  expect([response.status, handle.mock.calls.length]).toEqual([414, 0]);
});

test('a map of too many fields is refused before any of them is checked', () => {
  let checked = 0;
  const value = z.string().refine(() => ++checked > 0);
  const fields = few(50, z.string(), value);
  const given = (n: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, 'v']));
  expect([fields.safeParse(given(50)).success, checked]).toEqual([true, 50]);
  expect([fields.safeParse(given(200_000)).success, checked]).toEqual([false, 50]);
});

test('a refusal stays short, however many fields the client made up', async () => {
  const roomy = endpoint(async (request) => Response.json(await readJson(request, schema, { maxBytes: 4e6 })));
  const body = JSON.stringify(Object.fromEntries(Array.from({ length: 200_000 }, (_, i) => [`k${i}`, 1])));
  const [status, answered] = await answer(roomy, { body, headers: JSON_TYPE });
  expect(status).toBe(400);
  expect(JSON.stringify(answered).length).toBeLessThan(2_000);
});

test('what nobody foresaw answers 500 without its details, which stand in the log without the data', async () => {
  const line = vi.spyOn(log, 'error').mockReturnValue();
  const failing = endpoint(async () => {
    throw new Error('connect to 10.1.2.3 failed');
  });
  const response = await failing(new Request('https://queue.example/api/jobs?token=s3cret', { method: 'POST' }));
  expect([response.status, await response.text()]).toEqual([500, expect.not.stringContaining('10.1.2.3')]);
  expect(JSON.stringify(line.mock.calls)).not.toContain('s3cret');
});

test('no answer is cached or sniffed, neither good nor bad', async () => {
  for (const body of ['{"text":""}', '{']) {
    const response = await echo(new Request('https://queue.example/', { method: 'POST', headers: JSON_TYPE, body }));
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  }
});

async function answer(handle: (request: Request) => Promise<Response>, init: RequestInit): Promise<[number, unknown]> {
  const response = await handle(new Request('https://queue.example/', { method: 'POST', ...init }));
  return [response.status, await response.json()];
}
