/**
 * Wrong secrets at the login. Their answers slow down once there are many; a right secret is never counted, so strangers keep
 * nobody out. In memory, because the login has to work while the database does not.
 */
import { setTimeout as wait } from 'node:timers/promises';

/** Sixty wrong tries in a row, and then one a second, are mistakes of people: answered and logged at once. */
const LIMIT = { burst: 60, perSecond: 1 };
const LATE_MS = 1_000;
/** So many answers are held at a time: beyond that a flood would cost memory. */
const MOST_HELD = 100;

let tokens = LIMIT.burst;
let filledMs = performance.now();
let held = 0;

/** Notes a wrong try. Answers whether it is worth a line in the log; beyond the limit it is not, and the answer comes a second late. */
export async function wrongTry(): Promise<boolean> {
  const nowMs = performance.now();
  tokens = Math.min(LIMIT.burst, tokens + ((nowMs - filledMs) / 1_000) * LIMIT.perSecond);
  filledMs = nowMs;
  if (tokens >= 1) {
    tokens--;
    return true;
  }
  if (held < MOST_HELD) {
    held++;
    await wait(LATE_MS).finally(() => held--);
  }
  return false;
}
