/** A schedule that could not do what its author means is refused when it is declared, not at its first slot. */
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { z } from 'zod';
import { createQueue, defineJob, defineSchedule, type Schedule, type ScheduleDeclaration } from '../src/index.ts';
import type { Database } from '../src/postgres/connect.ts';

const GOOD = {
  name: 'nightly',
  cron: '30 2 * * *',
  timeZone: 'Europe/Berlin',
  type: 'report',
  payload: { company: 'acme' },
} as const;

describe('defineSchedule', () => {
  test('fills in what is left out', () => {
    expect(defineSchedule(GOOD)).toEqual({
      ...GOOD,
      misfire: 'latest',
      missedAfterMs: 90_000_000,
      overlap: 'allow',
      jitterMs: 0,
    });
  });

  test.each(['UTC', 'Etc/UTC', 'GMT', 'Asia/Kolkata', 'US/Pacific', 'europe/berlin'])(
    'takes %s, another name of a zone',
    (timeZone) => {
      expect(defineSchedule({ ...GOOD, timeZone }).timeZone).toBe(timeZone);
    },
  );

  test("reads no zone's clock, which every start of a process would wait for", () => {
    const clock = vi.spyOn(Intl, 'DateTimeFormat');
    onTestFinished(() => clock.mockRestore());
    for (const timeZone of ['UTC', 'Etc/UTC', 'Europe/Berlin']) defineSchedule({ ...GOOD, timeZone });
    expect(clock).not.toHaveBeenCalled();
    expect(() => defineSchedule({ ...GOOD, timeZone: 'Europe/Nowhere' })).toThrow("got 'Europe/Nowhere'");
    expect(clock).toHaveBeenCalledTimes(1);
  });

  test.each([
    ['name', { name: 'two words' }],
    ['name', { name: '' }],
    ['cron', { cron: '30 2 * *' }],
    ['cron', { cron: '0 0 31 2 *' }],
    ['timeZone', { timeZone: 'Berlin' }],
    ['misfire', { misfire: 'some' }],
    ['misfire', { misfire: { all: 0 } }],
    ['misfire', { misfire: { all: 1_001 } }],
    ['misfire', { misfire: { all: 1.5 } }],
    ['misfire', { misfire: null }],
    ['missedAfterMs', { missedAfterMs: -1 }],
    ['missedAfterMs', { missedAfterMs: Number.NaN }],
    ['overlap', { overlap: 'never' }],
    ['jitterMs', { jitterMs: 3_600_001 }],
    ['jitterMs', { jitterMs: 0.5 }],
  ])('refuses %s: %j', (path, wrong) => {
    const declaration = { ...GOOD, ...wrong } as ScheduleDeclaration<string, unknown>;
    expect(() => defineSchedule(declaration)).toThrow(
      expect.objectContaining({
        code: 'schedule_definition_invalid',
        issues: [{ path, message: expect.stringMatching(/^expected/) }],
      }),
    );
  });
});

describe('createQueue', () => {
  const job = defineJob({ type: 'report', payload: z.object({ company: z.string() }) });
  const never = (): Database => {
    throw new Error('a refused queue asks for no database');
  };
  const create = (...schedules: Schedule[]) =>
    createQueue({ database: never, jobs: [job], schedules: schedules as never });
  const refused = (code: string) => expect.objectContaining({ code });

  test('refuses what does not fit its jobs', () => {
    expect(() => create(defineSchedule({ ...GOOD, type: 'nobody' }))).toThrow(refused('unknown_type'));
    expect(() => create(defineSchedule({ ...GOOD, payload: { company: 7 } }))).toThrow(refused('payload_invalid'));
    expect(() => create(defineSchedule({ ...GOOD, payload: { company: 'x'.repeat(300_000) } }))).toThrow(
      refused('payload_too_large'),
    );
    expect(() => create(defineSchedule({ ...GOOD, payload: { company: 7 } }))).toThrow("schedules['nightly'].payload");
  });

  test('refuses two schedules of one name, and more than it can carry', () => {
    expect(() => create(defineSchedule(GOOD), defineSchedule(GOOD))).toThrow("two schedules are named 'nightly'");
    const many = (count: number, chars: number) =>
      Array.from({ length: count }, (_, n) =>
        defineSchedule({ ...GOOD, name: `n-${n}`, payload: { company: 'x'.repeat(chars) } }),
      );
    expect(() => create(...many(1_001, 1))).toThrow(refused('schedule_definition_invalid'));
    expect(() => create(...many(20, 250_000))).toThrow(refused('schedule_definition_invalid'));
    const large = defineSchedule({ ...GOOD, misfire: { all: 1_000 }, payload: { company: 'x'.repeat(10_000) } });
    expect(() => create(large)).toThrow(refused('schedule_definition_invalid'));
  });
});
