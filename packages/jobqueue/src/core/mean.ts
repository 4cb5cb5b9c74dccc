/** A mean that follows what it measures. Pure. */

/** Recent values weigh more: the mean follows a change, such as from quick to slow jobs, within some ten values. */
export function meanAfter(mean: number | null, value: number): number {
  return mean === null ? value : mean + (value - mean) * 0.1;
}
