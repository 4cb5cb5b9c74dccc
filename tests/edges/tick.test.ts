/** A scheduled call's own data is stored if it makes sense, and is never a reason to refuse the tick. */

import { tickOf } from '@conversure/jobqueue/next';
import { expect, test } from 'vitest';

const tick = (headers: Record<string, string>) =>
  tickOf(new Request('https://queue.example/api/cron/drain', { headers }));

test('a cron is known by the id of its request', () => {
  expect(tick({ 'user-agent': 'vercel-cron/1.0', 'x-vercel-id': 'fra1::iad1::k2-17' })).toEqual({
    executionId: 'fra1::iad1::k2-17',
  });
});

test('a schedule is known by its execution, which stays the same when it is delivered twice, and its instant', () => {
  const headers = {
    'ce-id': 'exec-1',
    'ce-vssscheduledat': '2026-11-25T03:04:00Z',
    'x-vercel-id': 'fra1::iad1::k2-17',
  };
  expect(tick(headers)).toEqual({ executionId: 'exec-1', scheduledAt: new Date('2026-11-25T03:04:00Z') });
});

test.each([
  ['nothing', {}, {}],
  ['an instant that is none', { 'ce-vssscheduledat': 'soon' }, {}],
  ['a year that Postgres does not have', { 'ce-vssscheduledat': '0000-01-01T00:00:00Z' }, {}],
  ['an id beyond all measure', { 'ce-id': 'x'.repeat(5_000) }, { executionId: 'x'.repeat(200) }],
  ['an id of other characters', { 'ce-id': 'a \u00fc\tb' }, { executionId: 'ab' }],
])('%s is no reason to refuse it', (_name, headers, expected) => {
  expect(tick(headers)).toEqual(expected);
});
