/** When people may be written to: in their own zone, over changes of the clock, and where nobody knows which zone it is. */
import { getCountries, getExampleNumber } from 'libphonenumber-js/max';
import examples from 'libphonenumber-js/mobile/examples';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { nextWindow, windowsOf } from '../../lib/campaigns/campaign-send/quiet-hours.ts';
import { clockOf } from '../../lib/campaigns/campaign-send/zones.ts';
import { emptied, JOB_TABLES } from '../support/empty.ts';
import fc from '../support/property.ts';
import { type Campaigns, COMPANY, numbers, startCampaigns } from './campaigns.ts';

const NIGHT = { from: '21:00', to: '09:00' };
const window = (now: string, zones: readonly string[], quiet = NIGHT) => {
  const found = nextWindow(Date.parse(now), zones, quiet);
  return found && [new Date(found.opensAtMs).toISOString(), new Date(found.closesAtMs).toISOString()];
};

describe('the next window', () => {
  test.each([
    [
      'by day it is open at once',
      '2026-03-10T10:07:00Z',
      ['Asia/Dubai'],
      '2026-03-10T10:07:00.000Z',
      '2026-03-10T17:00:00.000Z',
    ],
    [
      'by night it opens in the morning',
      '2026-03-10T18:00:00Z',
      ['Asia/Dubai'],
      '2026-03-11T05:00:00.000Z',
      '2026-03-11T17:00:00.000Z',
    ],
    [
      'at the minute at which the night begins it is closed',
      '2026-03-10T17:00:00Z',
      ['Asia/Dubai'],
      '2026-03-11T05:00:00.000Z',
      '2026-03-11T17:00:00.000Z',
    ],
    [
      'the night in which clocks go forward is an hour shorter',
      '2026-03-28T22:00:00Z',
      ['Europe/Berlin'],
      '2026-03-29T07:00:00.000Z',
      '2026-03-29T19:00:00.000Z',
    ],
    [
      'the night in which they go back is an hour longer',
      '2026-10-24T20:00:00Z',
      ['Europe/Berlin'],
      '2026-10-25T08:00:00.000Z',
      '2026-10-25T20:00:00.000Z',
    ],
    [
      'a zone off by three quarters',
      '2026-03-10T18:00:00Z',
      ['Asia/Kathmandu'],
      '2026-03-11T03:15:00.000Z',
      '2026-03-11T15:15:00.000Z',
    ],
    [
      'two zones: when both are awake',
      '2026-03-10T12:00:00Z',
      ['America/New_York', 'America/Los_Angeles'],
      '2026-03-10T16:00:00.000Z',
      '2026-03-11T01:00:00.000Z',
    ],
  ])('%s', (_, now, zones, opensAt, closesAt) => {
    expect(window(now, zones)).toEqual([opensAt, closesAt]);
  });

  test('hours that end in the hour that clocks leave out, and that they repeat', () => {
    const quiet = { from: '22:00', to: '02:30' };
    // New York leaves out 02:00 to 03:00 on 8 March: it is 03:00 and over at 07:00 UTC
    expect(window('2026-03-08T04:00:00Z', ['America/New_York'], quiet)?.[0]).toBe('2026-03-08T07:00:00.000Z');
    // and repeats 01:00 to 02:00 on 1 November: half past one is quiet both times
    const repeated = { from: '22:00', to: '01:30' };
    expect(window('2026-11-01T04:00:00Z', ['America/New_York'], repeated)).toEqual([
      '2026-11-01T05:30:00.000Z',
      '2026-11-01T06:00:00.000Z',
    ]);
    expect(window('2026-11-01T06:00:00Z', ['America/New_York'], repeated)?.[0]).toBe('2026-11-01T06:30:00.000Z');
  });

  test('is null where the zones have no hour in common', () => {
    expect(
      window('2026-03-10T12:00:00Z', ['Pacific/Auckland', 'Europe/London'], { from: '17:00', to: '09:00' }),
    ).toBeNull();
  });

  test('never lies in quiet hours of any of its zones, and misses no earlier minute', () => {
    const zones = [
      'Asia/Dubai',
      'Europe/Berlin',
      'America/New_York',
      'Australia/Lord_Howe',
      'Asia/Kathmandu',
      'Africa/Casablanca',
    ];
    const time = fc
      .integer({ min: 0, max: 95 })
      .map((n) => `${String(n >> 2).padStart(2, '0')}:${String((n % 4) * 15).padStart(2, '0')}`);
    const instant = fc.integer({ min: Date.UTC(2026, 0, 1) / 60_000, max: Date.UTC(2027, 0, 1) / 60_000 });
    fc.assert(
      fc.property(
        instant,
        fc.subarray(zones, { minLength: 1, maxLength: 3 }),
        time,
        time,
        (minute, chosen, from, to) => {
          fc.pre(from !== to);
          const nowMs = minute * 60_000;
          const found = nextWindow(nowMs, chosen, { from, to });
          const isQuiet = (ms: number) =>
            chosen.some((zone) => {
              const local = new Date(ms).toLocaleTimeString('en-GB', {
                timeZone: zone,
                hour: '2-digit',
                minute: '2-digit',
              });
              return from < to ? local >= from && local < to : local >= from || local < to;
            });
          const until = found ? found.opensAtMs : nowMs + 24 * 3_600_000;
          for (let ms = nowMs; ms < until; ms += 7 * 60_000) expect(isQuiet(ms)).toBe(true);
          if (found === null) return;
          expect(isQuiet(found.opensAtMs)).toBe(false);
          expect(isQuiet(found.closesAtMs - 60_000)).toBe(false);
          expect(isQuiet(found.closesAtMs)).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('remembered is what it would be anew', () => {
    const windows = windowsOf(NIGHT);
    for (let hour = 0; hour < 72; hour++) {
      const nowMs = Date.UTC(2026, 9, 24, hour);
      expect(windows(nowMs, ['Europe/Berlin'])).toEqual(nextWindow(nowMs, ['Europe/Berlin'], NIGHT));
    }
  });
});

describe('the zones of a person', () => {
  test.each([
    ['their own word', '+4915112345678', 'Asia/Tokyo', 'Asia/Tokyo', 'person'],
    ['the country of their number', '+971501234567', null, 'Asia/Dubai', 'country'],
    ['the country, where their own word is no zone', '+971501234567', 'Mars/Base', 'Asia/Dubai', 'country'],
    ['the nearest one of a country without a zone of its own', '+38344123456', null, 'Europe/Belgrade', 'nearest'],
    ['the nearest one of an island without one', '+2908999', null, 'Atlantic/St_Helena', 'nearest'],
    ['the company’s if the number has no country', '+88213123456', null, 'Asia/Riyadh', 'company'],
  ])('%s', (_, phone, timeZone, zone, from) => {
    expect(clockOf({ phone, timeZone }, 'Asia/Riyadh')).toEqual({ zones: [zone], from });
  });

  test('no country’s people are written to by the company’s clock', () => {
    const byCompany = getCountries().filter((country) => {
      const number = getExampleNumber(country, examples)?.number ?? '';
      return clockOf({ phone: number, timeZone: null }, 'Asia/Riyadh').from === 'company';
    });
    expect(byCompany).toEqual([]);
  });

  test('all of a country that has several: nobody knows in which the phone is', () => {
    const { zones } = clockOf({ phone: '+12025550123', timeZone: null }, 'Asia/Dubai');
    expect(zones).toEqual(expect.arrayContaining(['America/New_York', 'America/Los_Angeles', 'Pacific/Honolulu']));
    const [opensAt, closesAt] = window('2026-07-10T12:00:00Z', zones) ?? [];
    expect(opensAt).toBe('2026-07-10T19:00:00.000Z'); // 09:00 in Honolulu, 15:00 in New York
    expect(closesAt).toBe('2026-07-11T01:00:00.000Z'); // 21:00 in New York
  });
});

describe('a campaign', () => {
  let its: Campaigns;
  beforeAll(async () => {
    its = await startCampaigns();
    await its.addCompany(COMPANY);
  });
  afterAll(() => its.close());
  beforeEach(async () => {
    its.phones.forget();
    await its.rows(emptied('campaigns', 'recipients', ...JOB_TABLES));
  });

  /** Quiet hours in UTC that hold now, and end in two hours. */
  function now(fromHours: number, toHours: number): { from: string; to: string } {
    const at = (hours: number) => `${String((new Date().getUTCHours() + hours + 24) % 24).padStart(2, '0')}:00`;
    return { from: at(fromHours), to: at(toHours) };
  }

  test('sends to who is awake, and to the others when their morning comes', async () => {
    const [awake = '', asleep = ''] = numbers(2);
    const people = [
      { phone: awake, timeZone: 'Asia/Dubai' }, // four hours ahead
      { phone: asleep, timeZone: 'UTC' },
    ];
    const id = await its.create({ people, quietHours: now(-1, 2) });
    await its.drainUntilTrue(async () => its.phones.deliveries.length === 1);
    expect(await its.statuses(id)).toEqual({ [awake]: 'accepted', [asleep]: 'deferred' });
    expect((await its.read(id)).report.deferred).toEqual({ total: 1, byReason: { quiet_hours: 1 } });
    const [{ minutes, waits } = { minutes: 0, waits: 0 }] = await its.rows<{ minutes: number; waits: number }>(
      `select (extract(epoch from r.next_at - now()) / 60)::float8 as minutes, (extract(epoch from j.due_at - now()) / 60)::float8 as waits
       from recipients r, jobqueue.jobs j where r.status = 'deferred'`,
    );
    expect(minutes).toBeGreaterThan(59);
    expect(minutes).toBeLessThanOrEqual(120);
    expect(waits).toBeLessThanOrEqual(5); // it looks again: an operator may have changed something
    await its.rows("update recipients set next_at = now() where status = 'deferred'");
    await its.makeDue();
    await its.drainUntil(id, 'settling');
    expect(its.phones.deliveries.map(({ phone }) => phone)).toEqual([awake, asleep]);
  });

  test('whose recipients wait longer than their window asks the clock again before it sends', async () => {
    const [late = '', fine = ''] = numbers(2, 10);
    const people = [
      { phone: late, timeZone: 'UTC' },
      { phone: fine, timeZone: 'Asia/Dubai' },
    ];
    const id = await its.create({ people, quietHours: now(-1, 2) });
    await its.drainUntilTrue(async () => its.phones.deliveries.length === 1);
    // the morning of yesterday has come and gone while nobody sent
    await its.rows(
      "update recipients set status = 'pending', next_at = now() - interval '1 day', closes_at = now() - interval '12 hours' where phone_e164 = $1",
      late,
    );
    await its.makeDue();
    await its.drainUntilTrue(async () => (await its.statuses(id))[late] === 'deferred');
    expect(its.phones.deliveries.map(({ phone }) => phone)).toEqual([fine]);
  });

  test('leaves out who has no allowed hour at all, and says so', async () => {
    const id = await its.create({
      people: [{ phone: '+79161234567' }, { phone: numbers(1, 20)[0] }],
      quietHours: { from: '10:15', to: '10:00' },
    });
    await its.drainUntilTrue(async () => (await its.read(id)).status !== 'planning');
    expect((await its.read(id)).report).toMatchObject({ skipped: { byReason: { no_allowed_hour: 1 } } });
  });
});
