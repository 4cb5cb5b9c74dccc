/** Instants that a cron line names around clock changes: the rules of docs/schedules.md, zone by zone. */
import { Cron } from 'croner';
import { describe, expect, test } from 'vitest';
import fc from '../../../tests/support/property.ts';
import { calendarOf } from '../src/core/calendar.ts';
import { cronProblem, slotAfter, slotsBetween } from '../src/core/cron.ts';
import { nextRuns } from '../src/schedules/next-runs.ts';
import { clockChanges, expectedSlots, riskyMinutes } from './clock-changes.ts';

/** Slots of the line from one local-free instant to another, as ISO. */
function between(cron: string, timeZone: string, from: string, until: string): string[] {
  const span = { afterMs: Date.parse(from), untilMs: Date.parse(until), most: 1_000 };
  return slotsBetween({ cron, timeZone }, span).slots.map((slot) => new Date(slot).toISOString().slice(0, 16));
}

describe('a gap: the clock jumps over a time', () => {
  test.each([
    // 2026-03-29 02:00 → 03:00
    ['Europe/Berlin', '30 2 * * *', '2026-03-28T12:00Z', '2026-03-30T12:00Z', ['2026-03-29T01:00', '2026-03-30T00:30']],
    // 2026-03-08 02:00 → 03:00
    [
      'America/New_York',
      '30 2 * * *',
      '2026-03-07T12:00Z',
      '2026-03-09T12:00Z',
      ['2026-03-08T07:00', '2026-03-09T06:30'],
    ],
    // 2026-10-04 02:00 → 02:30
    [
      'Australia/Lord_Howe',
      '15 2 * * *',
      '2026-10-03T12:00Z',
      '2026-10-05T12:00Z',
      ['2026-10-03T15:30', '2026-10-04T15:15'],
    ],
    // no daylight saving time
    ['Asia/Dubai', '30 2 * * *', '2026-03-28T12:00Z', '2026-03-30T12:00Z', ['2026-03-28T22:30', '2026-03-29T22:30']],
  ])('%s: a time of day in it has its slot at its end', (zone, cron, from, until, slots) => {
    expect(between(cron, zone, from, until)).toEqual(slots);
  });

  test('a list of times of day is as many times of day, and two of them at one instant are one slot', () => {
    expect(between('30 2,14 * * *', 'Europe/Berlin', '2026-03-29T00:00Z', '2026-03-29T20:00Z')).toEqual([
      '2026-03-29T01:00',
      '2026-03-29T12:30',
    ]);
    expect(between('0,30 2 * * *', 'Europe/Berlin', '2026-03-29T00:00Z', '2026-03-29T20:00Z')).toEqual([
      '2026-03-29T01:00',
    ]);
  });

  test.each([
    [
      'Europe/Berlin',
      '*/30 * * * *',
      '2026-03-29T00:00Z',
      ['2026-03-29T00:30', '2026-03-29T01:00', '2026-03-29T01:30'],
    ],
    [
      'America/New_York',
      '*/30 * * * *',
      '2026-03-08T06:00Z',
      ['2026-03-08T06:30', '2026-03-08T07:00', '2026-03-08T07:30'],
    ],
    ['Australia/Lord_Howe', '*/15 2 * * *', '2026-10-03T14:30Z', ['2026-10-03T15:30', '2026-10-03T15:45']],
    ['Asia/Dubai', '*/30 * * * *', '2026-03-29T00:00Z', ['2026-03-29T00:30', '2026-03-29T01:00', '2026-03-29T01:30']],
  ])('%s: an interval goes on without it', (zone, cron, from, slots) => {
    const until = new Date(Date.parse(from) + 90 * 60_000).toISOString();
    expect(between(cron, zone, from, until)).toEqual(slots);
  });
});

describe('a fold: the clock shows a time twice', () => {
  test.each([
    // 2026-10-25 03:00 → 02:00
    ['Europe/Berlin', '30 2 * * *', '2026-10-24T12:00Z', '2026-10-26T12:00Z', ['2026-10-25T00:30', '2026-10-26T01:30']],
    // 2026-11-01 02:00 → 01:00
    [
      'America/New_York',
      '30 1 * * *',
      '2026-10-31T12:00Z',
      '2026-11-02T12:00Z',
      ['2026-11-01T05:30', '2026-11-02T06:30'],
    ],
    // 2026-04-05 02:00 → 01:30
    [
      'Australia/Lord_Howe',
      '45 1 * * *',
      '2026-04-04T12:00Z',
      '2026-04-06T12:00Z',
      ['2026-04-04T14:45', '2026-04-05T15:15'],
    ],
    ['Asia/Dubai', '30 1 * * *', '2026-10-24T12:00Z', '2026-10-26T12:00Z', ['2026-10-24T21:30', '2026-10-25T21:30']],
  ])('%s: a time of day in it has one slot, the first', (zone, cron, from, until, slots) => {
    expect(between(cron, zone, from, until)).toEqual(slots);
  });

  test.each([
    ['Europe/Berlin', '0 * * * *', '2026-10-24T23:00Z', ['2026-10-25T00:00', '2026-10-25T01:00', '2026-10-25T02:00']],
    [
      'America/New_York',
      '0 * * * *',
      '2026-11-01T04:00Z',
      ['2026-11-01T05:00', '2026-11-01T06:00', '2026-11-01T07:00'],
    ],
    [
      'Australia/Lord_Howe',
      '*/30 1 * * *',
      '2026-04-04T13:30Z',
      ['2026-04-04T14:00', '2026-04-04T14:30', '2026-04-04T15:00'],
    ],
    ['Asia/Dubai', '0 * * * *', '2026-10-24T23:00Z', ['2026-10-25T00:00', '2026-10-25T01:00', '2026-10-25T02:00']],
  ])('%s: an interval has a slot at both', (zone, cron, from, slots) => {
    const until = new Date(Date.parse(from) + 3 * 3_600_000).toISOString();
    expect(between(cron, zone, from, until)).toEqual(slots);
  });
});

test('a daily line fires once a day around every change of a clock to the end of 2030, in every zone', () => {
  const changes = clockChanges(Date.UTC(2026, 0, 1), Date.UTC(2031, 0, 1));
  expect(changes.length).toBeGreaterThan(200);
  for (const change of changes)
    for (const minute of riskyMinutes(change)) {
      const { timeZone } = change;
      const cron = `${minute % 60} ${Math.floor(minute / 60)} * * *`;
      const expected = expectedSlots(change, minute);
      const [first = 0] = expected;
      const { slots } = slotsBetween(
        { cron, timeZone },
        { afterMs: first - 1, untilMs: expected.at(-1) ?? 0, most: 9 },
      );
      expect([timeZone, cron, slots]).toEqual([timeZone, cron, expected]);
      expect([timeZone, cron, slotAfter({ cron, timeZone }, first)]).toEqual([timeZone, cron, expected[1]]);
    }
});

test('a gap that ends at midnight has its slots at midnight: in Nuuk 23:30 of the last Saturday in March', () => {
  // 2026-03-28 23:00 → 2026-03-29 00:00
  const slots = ['2026-03-28T01:30', '2026-03-29T01:00', '2026-03-30T00:30'];
  expect(between('30 23 * * *', 'America/Nuuk', '2026-03-28T00:00Z', '2026-03-30T12:00Z')).toEqual(slots);
  expect(between('30 23 * * SAT', 'America/Nuuk', '2026-03-28T00:00Z', '2026-03-30T12:00Z')).toEqual(slots.slice(1, 2));
});

test('a slot is the same from wherever it is looked for, forwards and backwards', () => {
  const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Dubai', 'America/Nuuk'];
  const lines = [
    '30 2 * * *',
    '15 2 * * *',
    '45 1,2 * * *',
    '*/15 * * * *',
    '0 */2 * * *',
    '0,30 1-3 * * *',
    '30 1 * * 0',
    '10,40 23 * * *',
  ];
  // two days around each change of a clock in 2026
  const changes = ['03-29', '10-25', '03-08', '11-01', '10-04', '04-05'].map((day) => Date.parse(`2026-${day}T00:00Z`));
  const instant = fc.tuple(fc.constantFrom(...changes), fc.integer({ min: -36 * 3_600, max: 48 * 3_600 }));
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.constantFrom(...lines),
      instant,
      fc.nat(86_400_000),
      (zone, cron, at, span) => {
        const line = { cron, timeZone: zone };
        const afterMs = at[0] + at[1] * 1_000;
        const forwards: number[] = [];
        for (let slot = slotAfter(line, afterMs); slot !== null && slot <= afterMs + span; slot = slotAfter(line, slot))
          forwards.push(slot);
        const { slots, leftOut } = slotsBetween(line, { afterMs, untilMs: afterMs + span, most: 200 });
        expect(slots).toEqual(forwards);
        expect(leftOut).toBe(false);
        const few = slotsBetween(line, { afterMs, untilMs: afterMs + span, most: 2 });
        expect(few).toEqual({ slots: forwards.slice(-2), leftOut: forwards.length > 2 });
      },
    ),
    { numRuns: 300 },
  );
});

test('the first instant after a slot does not see it again, the slot itself belongs to what ends with it', () => {
  const line = { cron: '0 9 * * *', timeZone: 'UTC' };
  const slot = Date.parse('2026-11-25T09:00:00Z');
  expect(slotAfter(line, slot)).toBe(slot + 86_400_000);
  expect(slotsBetween(line, { afterMs: slot - 1, untilMs: slot, most: 9 }).slots).toEqual([slot]);
  expect(slotsBetween(line, { afterMs: slot, untilMs: slot + 1, most: 9 }).slots).toEqual([]);
});

test('a year of silence is answered in milliseconds, not in half a million slots', () => {
  const untilMs = Date.parse('2026-11-25T09:00:30Z');
  const span = { afterMs: untilMs - 365 * 86_400_000, untilMs, most: 1 };
  expect(slotsBetween({ cron: '* * * * *', timeZone: 'Europe/Berlin' }, span)).toEqual({
    slots: [Date.parse('2026-11-25T09:00:00Z')],
    leftOut: true,
  });
});

/** Cron lines of every form, most of them valid: numbers may leave their range, ranges may run backwards. */
function anyLine(): fc.Arbitrary<string> {
  const number = (min: number, max: number) => fc.integer({ min, max }).map(String);
  const listOf = (item: fc.Arbitrary<string>) =>
    fc.oneof(
      { weight: 4, arbitrary: fc.constant('*') },
      { weight: 4, arbitrary: item },
      { weight: 2, arbitrary: fc.array(item, { minLength: 2, maxLength: 3 }).map((items) => items.join()) },
    );
  const field = (min: number, max: number, ...more: fc.Arbitrary<string>[]) => {
    const value = number(min, max);
    const range = fc
      .uniqueArray(fc.integer({ min, max }), { minLength: 2, maxLength: 2 })
      .map((ends) => ends.join('-'));
    const step = number(1, 4);
    const stepped = fc.tuple(fc.oneof(fc.constant('*'), range), step).map((parts) => parts.join('/'));
    const odd = fc.constantFrom(`${max + 1}`, '1-', 'x', '1#1', '1W', 'L', '2/3', '*/0', '');
    return listOf(
      fc.oneof({ weight: 30, arbitrary: fc.oneof(value, range, stepped, ...more) }, { weight: 1, arbitrary: odd }),
    );
  };
  const day = fc.constantFrom('sun', 'MON', 'Tue', 'wed', 'thu', 'FRI', 'sat', '7', '0');
  const month = fc.constantFrom('jan', 'FEB', 'Mar', 'dec', '11');
  const ofMonth = [number(1, 31).map((n) => `${n}W`), fc.constantFrom('L', 'l', 'LW')];
  const ofWeek = [day, fc.tuple(day, day).map((ends) => ends.join('-')), day.map((one) => `${one}L`)];
  const nth = fc.tuple(fc.constantFrom('1', 'fri', '1-5'), number(1, 5)).map((parts) => parts.join('#'));
  const weekdays = fc
    .tuple(fc.constantFrom('', '', '', '+'), field(0, 6, ...ofWeek, nth))
    .map((parts) => parts.join(''));
  const monthField = field(
    1,
    12,
    month,
    fc.tuple(month, month).map((ends) => ends.join('-')),
  );
  return fc
    .tuple(field(0, 59), field(0, 23), field(1, 31, ...ofMonth), monthField, weekdays)
    .map((fields) => fields.join(' '))
    .filter((line) => /^\S+( \S+){4}$/.test(line));
}

test('a line means what croner reads in it, and what one refuses the other refuses', () => {
  const instant = fc.integer({ min: Date.UTC(1990, 0, 1), max: Date.UTC(2090, 0, 1) }).map((ms) => ms - (ms % 1_000));
  let valid = 0;
  const oracle = (cron: string, at: number) => {
    const line = new Cron(cron, { timezone: 'UTC', mode: '5-part', paused: true });
    const next = line.nextRun(new Date(at))?.getTime() ?? null;
    return [next, next === null ? null : line.previousRuns(1, new Date(at))[0]?.getTime()];
  };
  const ours = (cron: string, at: number) => {
    const line = calendarOf(cron);
    const next = line.next(at + 1_000); // the instant itself is no next one
    return [next, next === null ? null : line.previous(at)];
  };
  const said = (read: () => unknown) => {
    try {
      return read();
    } catch {
      return 'refused';
    }
  };
  fc.assert(
    fc.property(anyLine(), instant, (cron, at) => {
      const expected = said(() => oracle(cron, at));
      if (expected !== 'refused') valid++;
      expect([cron, said(() => ours(cron, at))]).toEqual([cron, expected]);
    }),
    { numRuns: 1_500 },
  );
  expect(valid).toBeGreaterThan(300);
});

test("an interval around a change of the clock is croner's", () => {
  const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'America/Nuuk'];
  const changes = ['03-29', '10-25', '03-08', '11-01', '10-04', '04-05'].map((day) => Date.parse(`2026-${day}T00:00Z`));
  const lines = [
    '*/20 * * * *',
    '0 */2 * * *',
    '*/30 1-3 * * *',
    '*/30 2 25 10 *',
    '*/45 2 * * 0',
    '15-40/5 */3 29 3 *',
  ];
  const [zone, cron] = [fc.constantFrom(...zones), fc.constantFrom(...lines)];
  const at = fc.tuple(fc.constantFrom(...changes), fc.integer({ min: -36 * 60, max: 48 * 60 }));
  fc.assert(
    fc.property(zone, cron, at, (timeZone, line, [day, minutes]) => {
      const atMs = day + minutes * 60_000;
      const theirs = new Cron(line, { timezone: timeZone, mode: '5-part', paused: true });
      expect([line, timeZone, slotAfter({ cron: line, timeZone }, atMs)]).toEqual([
        ...[line, timeZone],
        theirs.nextRun(new Date(atMs))?.getTime() ?? null,
      ]);
    }),
    { numRuns: 300 },
  );
});

describe('what is refused', () => {
  test.each([
    ['six fields', '0 0 9 * * *'],
    ['four fields', '0 9 * *'],
    ['a value out of range', '61 * * * *'],
    ['a word', 'tomorrow'],
    ['a date, which would fire once', '2026-11-25T00:00:00'],
    ['the time of asking', '? * * * *'],
    ['an event', '@reboot'],
    ['a day that never comes', '0 0 30 2 *'],
    ['nothing', ''],
    ['too long a line', `${'1,'.repeat(200)}1 * * * *`],
  ])('as a cron line: %s', (_, cron) => {
    expect(cronProblem({ cron, timeZone: 'UTC' })).toMatchObject({
      path: 'cron',
      message: expect.stringMatching(/^expected/),
    });
  });

  test.each(['Mars/Olympus', '', 'Europe', 'x'.repeat(100)])("as a zone: '%s'", (timeZone) => {
    expect(cronProblem({ cron: '0 9 * * *', timeZone })).toMatchObject({ path: 'timeZone' });
  });

  test.each(['@daily', '0 9 * * MON-FRI', '0 0 29 2 *', '0 9 L * *', '0 9 15W * *', '0 9 * * MON#1', '0  9\t* * *'])(
    "not: '%s'",
    (cron) => {
      expect(cronProblem({ cron, timeZone: 'Europe/Berlin' })).toBeNull();
    },
  );
});

describe('the next runs of a line', () => {
  const line = { cron: '30 2 * * *', timeZone: 'Europe/Berlin' };
  const after = new Date('2026-03-28T01:30Z');

  test('are those after an instant, across a change of the clock', () => {
    const runs = nextRuns(line, { after, count: 3 }).map((run) => run.toISOString().slice(0, 16));
    expect(runs).toEqual(['2026-03-29T01:00', '2026-03-30T00:30', '2026-03-31T00:30']);
  });

  test('come after now unless another instant is named, one unless more are asked for', () => {
    const [run, ...others] = nextRuns({ cron: '* * * * *', timeZone: 'UTC' });
    expect(run?.getTime()).toBeGreaterThan(Date.now() - 60_000);
    expect(others).toEqual([]);
  });

  test.each([
    ['cron', { ...line, cron: 'tomorrow' }, {}],
    ['timeZone', { ...line, timeZone: 'Mars/Olympus' }, {}],
    ['count', line, { count: 1_001 }],
    ['after', line, { after: new Date(Number.NaN) }],
  ])('are refused for a wrong %s', (path, wrong, options) => {
    expect(() => nextRuns(wrong, options)).toThrow(
      expect.objectContaining({ code: 'option_invalid', issues: [expect.objectContaining({ path })] }),
    );
  });
});
