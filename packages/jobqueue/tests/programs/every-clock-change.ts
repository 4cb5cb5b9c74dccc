/** Checks a daily schedule of every minute against every change of a clock to the end of 2030, in every zone. Takes minutes. */
import { slotAfter, slotsBetween } from '../../src/core/cron.ts';
import { clockChanges, expectedSlots } from '../clock-changes.ts';

const changes = clockChanges(Date.UTC(2026, 0, 1), Date.UTC(2031, 0, 1));
let wrong = 0;
for (const change of changes)
  for (let minute = 0; minute < 1_440; minute++) {
    const line = { cron: `${minute % 60} ${Math.floor(minute / 60)} * * *`, timeZone: change.timeZone };
    const expected = expectedSlots(change, minute);
    const afterMs = (expected[0] ?? 0) - 1;
    const forwards: number[] = [];
    for (let slot = slotAfter(line, afterMs); forwards.length < expected.length && slot !== null; ) {
      forwards.push(slot);
      slot = slotAfter(line, slot);
    }
    const { slots } = slotsBetween(line, { afterMs, untilMs: expected.at(-1) ?? 0, most: 10 });
    if (forwards.join() === expected.join() && slots.join() === expected.join()) continue;
    wrong++;
    console.error(change.timeZone, new Date(change.atMs).toISOString(), line.cron);
  }
console.log(
  `${changes.length} changes of ${Intl.supportedValuesOf('timeZone').length} zones, 1440 lines each: ${wrong} wrong`,
);
console.log(`zone data: Node's ICU ${process.versions.icu}, ${process.versions.tz}`);
process.exitCode = wrong === 0 ? 0 : 1;
