/** Durations counted in bins whose limits double every two: good to a factor of 1.4 from a millisecond to a week, and sums by adding. Pure. */

/** Counts per bin. Bin `n` (from 0) holds durations of at least `2 ** (n / 2)` ms, bin 0 whatever is shorter too. */
export type Histogram = readonly number[];

/** A week; whatever is longer counts there. */
export const LAST_BIN = 58;

export function binOf(ms: number): number {
  return ms <= 1 ? 0 : Math.min(LAST_BIN, Math.floor(2 * Math.log2(ms)));
}

/** The upper limit of this bin, ms: every duration in it is shorter. */
export function upperMs(bin: number): number {
  return 2 ** ((bin + 1) / 2);
}

export function counted(histogram: Histogram, ms: number): Histogram {
  const bin = binOf(ms);
  const next = Array.from({ length: Math.max(histogram.length, bin + 1) }, (_, n) => histogram[n] ?? 0);
  next[bin] = (next[bin] ?? 0) + 1;
  return next;
}

export function summed(histograms: readonly Histogram[]): Histogram {
  const length = Math.max(0, ...histograms.map((histogram) => histogram.length));
  return Array.from({ length }, (_, n) => histograms.reduce((sum, histogram) => sum + (histogram[n] ?? 0), 0));
}

/** The upper limit of the bin in which the share `p` (0 to 1) of all counted durations is reached, ms; null of an empty histogram. */
export function percentileMs(histogram: Histogram, p: number): number | null {
  const total = histogram.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let reached = 0;
  for (const [bin, count] of histogram.entries()) {
    reached += count;
    if (count > 0 && reached >= p * total) return upperMs(bin);
  }
  return null;
}
