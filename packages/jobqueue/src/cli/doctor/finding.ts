/** Findings of the doctor: the fact, and how to mend it. */
import type { Finding } from '../../config.ts';

export type { Finding };

export const ok = (name: string, detail: string): Finding => ({ name, state: 'ok', detail, mend: null });
export const warn = (name: string, detail: string, mend: string): Finding => ({ name, state: 'warn', detail, mend });
export const red = (name: string, detail: string, mend: string): Finding => ({ name, state: 'red', detail, mend });

/** The finding about a clock that is off: `scheduledFor` is the one instant that crosses from the app's clock to the database's. */
export function ofClock(skewMs: number, whose: string): Finding {
  const seconds = Math.round(skewMs / 100) / 10;
  const detail = `${whose} is ${Math.abs(seconds)} s ${skewMs > 0 ? 'ahead of' : 'behind'} this machine`;
  const mend =
    'let both keep time by NTP (timedatectl set-ntp true): jobs with scheduledFor start early or late by as much';
  if (Math.abs(skewMs) > 5_000) return red('clock', detail, mend);
  return Math.abs(skewMs) > 2_000 ? warn('clock', detail, mend) : ok('clock', `${whose} and this machine agree`);
}
