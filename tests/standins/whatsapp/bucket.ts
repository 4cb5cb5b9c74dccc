/** The vendor's own counting of calls: a leaky bucket on the stand-in's clock, independent of how our side counts. */
export interface VendorBucket {
  /** Takes one; false if the vendor would refuse the call. */
  take(): boolean;
}

export function vendorBucket(
  now: () => number,
  { perSecond, burst }: { perSecond: number; burst: number },
): VendorBucket {
  let level = burst;
  let atMs = now();
  return {
    take() {
      const nowMs = now();
      level = Math.min(burst, level + ((nowMs - atMs) / 1000) * perSecond);
      atMs = nowMs;
      if (level < 1) return false;
      level -= 1;
      return true;
    },
  };
}
