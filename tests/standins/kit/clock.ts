/** The stand-ins' time: the real one, moved forward by tests that will not wait for a window to pass. */
export interface Clock {
  /** Unix time, ms. */
  now(): number;
  advance(ms: number): void;
}

export function standInClock(): Clock {
  let aheadMs = 0;
  return {
    now: () => Date.now() + aheadMs,
    advance(ms) {
      aheadMs += ms;
    },
  };
}
