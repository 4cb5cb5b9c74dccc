/** Slots of a late tick that fire: the misfire policy, row by row. */
import { describe, expect, test } from 'vitest';
import type { DueSchedule } from '../src/postgres/statements/schedules.ts';
import { decide } from '../src/schedules/misfire.ts';

const HOUR_MS = 3_600_000;

/** As Postgres answers it: at 12:00:20.5, last looked at at 11:59:20, hourly. */
function due(of: Partial<DueSchedule>): DueSchedule {
  return {
    name: 'report',
    cron: '0 * * * *',
    timeZone: 'UTC',
    misfire: 'latest',
    missedAfterMs: 25 * HOUR_MS,
    bytes: 100,
    revision: 7,
    firedUntil: '2026-11-25T11:59:20.123456+00:00',
    now: '2026-11-25T12:00:20.5+00:00',
    ...of,
  };
}

const times = (of: Partial<DueSchedule>) => decide(due(of)).fire.slots.map((slot) => slot.slice(8, 16));

test('the fire names what it was told from, and the slot after', () => {
  expect(decide(due({}))).toEqual({
    fire: {
      name: 'report',
      revision: 7,
      until: '2026-11-25T12:00:20.5+00:00',
      next: '2026-11-25T13:00:00.000Z',
      slots: ['2026-11-25T12:00:00.000Z'],
    },
    missed: false,
  });
});

describe('five hours late', () => {
  const late = { firedUntil: '2026-11-25T07:00:05+00:00' };
  test.each([
    ['latest', ['25T12:00']],
    ['skip', ['25T12:00']],
    [{ all: 3 }, ['25T10:00', '25T11:00', '25T12:00']],
  ] as const)('misfire %j: those that fire, the rest missed', (misfire, slots) => {
    expect(times({ ...late, misfire })).toEqual(slots);
    expect(decide(due({ ...late, misfire })).missed).toBe(true);
  });

  test('misfire { all: 100 }: every one, none missed', () => {
    expect(times({ ...late, misfire: { all: 100 } })).toHaveLength(5);
    expect(decide(due({ ...late, misfire: { all: 100 } })).missed).toBe(false);
  });
});

describe('ticks come daily', () => {
  const daily = { cron: '30 2 * * *', firedUntil: '2026-11-24T12:00:00+00:00' };
  test.each(['skip', 'latest', { all: 5 }] as const)(
    'a daily slot fires with the tick after it, misfire %j',
    (misfire) => {
      expect(times({ ...daily, misfire })).toEqual(['25T02:30']);
    },
  );

  test('of a line of every minute the newest fires, however many there were', () => {
    expect(times({ ...daily, cron: '* * * * *', misfire: 'skip' })).toEqual(['25T12:00']);
  });

  test('a tick that is an hour late still is in time', () => {
    expect(times({ ...daily, cron: '30 11 * * *', misfire: 'skip', now: '2026-11-26T12:00:00+00:00' })).toEqual([
      '26T11:30',
    ]);
  });
});

describe('a weekly slot, found after three days', () => {
  const weekly = { cron: '0 9 * * 0', firedUntil: '2026-11-21T00:00:00+00:00' }; // Sunday is the 22nd
  test.each([
    ['skip', []],
    ['latest', ['22T09:00']],
    [{ all: 2 }, ['22T09:00']],
  ] as const)('misfire %j', (misfire, slots) => {
    expect(times({ ...weekly, misfire })).toEqual(slots);
  });
});

test('found later than missedAfterMs, a slot fires only if misfire says so', () => {
  const strict = { missedAfterMs: 10_000 };
  expect(times({ ...strict, misfire: 'skip' })).toEqual([]);
  expect(times({ ...strict, misfire: 'latest' })).toEqual(['25T12:00']);
  expect(times({ missedAfterMs: 20_500, misfire: 'skip' })).toEqual(['25T12:00']);
});

test('what fell into a pause is missed, what came after it is not', () => {
  const paused = { firedUntil: '2026-11-25T08:30:00+00:00' };
  const within = { ...paused, resumedAt: '2026-11-25T12:00:10+00:00' };
  expect(times({ ...within, misfire: 'skip' })).toEqual([]);
  expect(times({ ...within, misfire: 'latest' })).toEqual(['25T12:00']);
  expect(times({ ...within, misfire: { all: 2 } })).toEqual(['25T11:00', '25T12:00']);
  expect(times({ ...paused, resumedAt: '2026-11-25T11:30:00+00:00', misfire: 'skip' })).toEqual(['25T12:00']);
});

describe('a line that was changed at 10:10', () => {
  const changed = {
    cron: '15 * * * *',
    former: { cron: '0 * * * *', timeZone: 'UTC', until: '2026-11-25T10:10:00+00:00' },
    firedUntil: '2026-11-25T08:30:00+00:00',
  };

  test('counts from then on, the former one up to then: a slot that nobody has looked at yet is not lost', () => {
    expect(times({ ...changed, misfire: { all: 9 } })).toEqual(['25T09:00', '25T10:00', '25T10:15', '25T11:15']);
    expect(times({ ...changed, misfire: 'latest' })).toEqual(['25T11:15']);
    expect(times({ ...changed, misfire: { all: 3 } })).toEqual(['25T10:00', '25T10:15', '25T11:15']);
  });

  test('brings no slots of its own from before', () => {
    const now = '2026-11-25T10:12:00+00:00';
    const earlier = { ...changed, cron: '5 * * * *', firedUntil: '2026-11-25T10:00:20+00:00', now };
    expect(times({ ...earlier, misfire: { all: 9 } })).toEqual([]);
    expect(decide(due(earlier)).fire.next).toBe('2026-11-25T11:05:00.000Z');
  });
});
