/** Why a throttled replay waits, in words. Pure. */

/** Why a replay at n a minute does not move on just now. */
export function waitingInWords(waitsFor: 'outcomes' | 'resume' | 'handler' | null): string | null {
  return waitsFor === null ? null : WAITS[waitsFor];
}

const WAITS = {
  outcomes: 'waits for outcomes: as many jobs are open as its stop condition needs to judge',
  resume: 'waits for a resume: its type or queue is paused',
  handler: 'waits for a deployment that has a handler for its type',
} as const;
