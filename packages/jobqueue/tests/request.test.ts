/** An operator's request: read whole and within bounds, or refused with the path of each mistake. */
import { describe, expect, test } from 'vitest';
import { pathOf, validateNow } from '../src/core/standard-schema.ts';
import { operatorRequest } from '../src/operations/request.ts';

const by = { actor: 'ada' };
const read = (request: unknown) => validateNow(operatorRequest, request);
const mistakes = (request: unknown) =>
  (read(request).issues ?? []).map((issue) => [pathOf(issue).join('.'), issue.message]);

test('a request is read with its defaults, instants as dates', () => {
  expect(read({ action: 'overview' })).toEqual({ value: { action: 'overview', hours: 24 } });
  expect(read({ action: 'job', id: '7' })).toEqual({ value: { action: 'job', id: '7', payload: false } });
  const filter = { type: 'mail', dueBefore: '2026-12-01T09:00:00+02:00' };
  expect(read({ action: 'previewCancel', filter })).toEqual({
    value: { action: 'previewCancel', filter: { type: 'mail', dueBefore: new Date('2026-12-01T07:00:00Z') } },
  });
  const line = { action: 'overrideSchedule', name: 'nightly', line: null, ...by };
  expect(read(line)).toEqual({ value: line });
});

test.each<[what: string, request: unknown, path: string, message: string | RegExp]>([
  ['nothing', undefined, '', 'expected an object, got undefined'],
  ['a list', [], '', 'expected an object, got a list'],
  ['no action', {}, 'action', 'expected a value, got none'],
  ['an unknown action', { action: 'dropAll' }, 'action', /^expected one of 'overview', .*, got another text$/],
  ['an inherited action', { action: 'constructor' }, 'action', /^expected one of/],
  ['a misspelt field', { action: 'overview', hour: 2 }, 'hour', 'there is no such field; the nearest: hours, action'],
  ['a field of all objects', JSON.parse('{"action":"replays","__proto__":1}'), '__proto__', /no such field/],
  ['a misspelt filter', { action: 'previewCancel', filter: { typ: 'a' } }, 'filter.typ', /nearest: type/],
  ['no actor', { action: 'retryNow', ids: ['1'] }, 'actor', 'expected a value, got none'],
  ['undefined for an absent field', { action: 'jobs', limit: undefined }, 'limit', /got undefined$/],
  [
    'hours as text',
    { action: 'overview', hours: '2' },
    'hours',
    'expected a whole number from 1 to 2160, got another text',
  ],
  ['half an hour', { action: 'overview', hours: 0.5 }, 'hours', 'expected a whole number from 1 to 2160, got 0.5'],
  ['too many hours', { action: 'overview', hours: 2161 }, 'hours', 'expected a whole number from 1 to 2160, got 2161'],
  [
    'an unsafe number',
    { action: 'throttledReplay', filter: {}, perMinute: 1, maxJobs: 2 ** 53, ...by },
    'maxJobs',
    /^expected a whole number of at least 1/,
  ],
  ['an id as number', { action: 'job', id: 7 }, 'id', 'expected an id as digits, got 7'],
  ['an id beyond bigint', { action: 'job', id: '9223372036854775808' }, 'id', 'expected an id below 2^63'],
  ['no ids', { action: 'retryNow', ids: [], ...by }, 'ids', 'expected a list of 1 to 1000, got 0'],
  [
    '1,001 ids',
    { action: 'retryNow', ids: Array(1_001).fill('x'), ...by },
    'ids',
    'expected a list of 1 to 1000, got 1001',
  ],
  [
    'a wrong id in a list',
    { action: 'retryNow', ids: ['1', '0'], ...by },
    'ids.1',
    'expected an id as digits, got another text',
  ],
  [
    'an empty actor',
    { action: 'retryNow', ids: ['1'], actor: '' },
    'actor',
    'expected text of 1 to 200 characters, got 0',
  ],
  [
    'an actor with NUL',
    { action: 'retryNow', ids: ['1'], actor: 'a\0' },
    'actor',
    'expected text without NUL or half characters',
  ],
  ['a name with a space', { action: 'pause', queue: 'a b', ...by }, 'queue', /^expected a name of 1 to 100 letters/],
  [
    'an instant without its offset',
    { action: 'previewCancel', filter: { dueAfter: '2026-12-01T09:00:00' } },
    'filter.dueAfter',
    /^expected an instant of ISO 8601/,
  ],
  [
    'a 30th of February',
    { action: 'previewCancel', filter: { dueAfter: '2026-02-30T00:00:00Z' } },
    'filter.dueAfter',
    /^expected an instant/,
  ],
  [
    'the year 0',
    { action: 'previewCancel', filter: { dueAfter: '0000-12-31T23:59:59Z' } },
    'filter.dueAfter',
    'expected an instant of the years 1 to 9999',
  ],
  [
    'a stop that is neither',
    { action: 'throttledReplay', filter: {}, perMinute: 1, stopWhen: { failureRatio: 0.5 }, ...by },
    'stopWhen',
    /^expected either { failed }/,
  ],
  [
    'a ratio of none',
    { action: 'throttledReplay', filter: {}, perMinute: 1, stopWhen: { failureRatio: 0, of: 1 }, ...by },
    'stopWhen',
    /^expected either/,
  ],
])('%s is refused by its path', (_, request, path, message) => {
  expect(mistakes(request)).toEqual([[path, message instanceof RegExp ? expect.stringMatching(message) : message]]);
});

test('every mistake is named, at most a hundred of them, and none repeats what was sent', () => {
  expect(mistakes({ action: 'cancel', filter: { priority: 11 }, reason: 's3cret\0' }).map(([path]) => path)).toEqual([
    'filter.priority',
    'reason',
    'actor',
  ]);
  const many = mistakes({ action: 'retryNow', ids: Array(1_000).fill('s3cret'), ...by });
  expect(many).toHaveLength(100);
  expect(JSON.stringify(many)).not.toContain('s3cret');
  const [[path] = []] = mistakes({ action: 'replays', ['x'.repeat(1_000_000)]: 1 });
  expect(path).toHaveLength(100);
});

describe('of an instant', () => {
  test.each([
    '2024-02-29T23:59Z',
    '2026-12-31T23:59:59.999999999Z',
    '9999-12-31T23:59:59-00:00',
    '0001-01-01T00:00:00Z',
  ])('%s is taken', (dueAfter) => expect(mistakes({ action: 'previewCancel', filter: { dueAfter } })).toEqual([]));
  test.each([
    '2023-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-12-01T24:00:00Z',
    '2026-12-01',
    '+002026-12-01T00:00:00Z',
    '2026-12-01T00:00:00+24:00',
    '',
  ])('%s is refused', (dueAfter) =>
    expect(mistakes({ action: 'previewCancel', filter: { dueAfter } })).toHaveLength(1),
  );
});
