/** A method's time: the portal gives each 480 s of work in ten minutes, and blocks the one that used them up, not the others. */
import type { Limit } from '@conversure/jobqueue';
import type { Operating, Portal } from '../providers/bitrix24.ts';

/** The portal's own budget. */
const BUDGET_S = 480;
/** Above this use, calls of the method slow down: another application shares the budget. */
const SLOW_FROM_S = BUDGET_S * 0.8;
/** A window is that long; one that the portal did not name ends within it. */
const WINDOW_MS = 600_000;

/** Only holds blocks: how fast a portal may be asked is its own bucket's business. */
export const METHOD_LIMIT: Limit = { perSecond: 100, burst: 1_000 };

export function methodBucket({ host }: Portal, method: string): string {
  return `bitrix24:${host}:${method}`;
}

/**
 * The pause of a method after an answer with `operating`, ms: 0 below 80 % of its budget, then longer and longer, and until the
 * budget is renewed if it is used up.
 */
export function restMs({ seconds, resetAtMs }: Operating, nowMs: number): number {
  if (seconds < SLOW_FROM_S) return 0;
  const untilMs = resetAtMs === null ? WINDOW_MS : Math.min(Math.max(resetAtMs - nowMs, 0), WINDOW_MS);
  const share = Math.min(1, (seconds - SLOW_FROM_S) / (BUDGET_S - SLOW_FROM_S));
  return Math.ceil(Math.max(share * untilMs, Math.min(1_000, untilMs)));
}
