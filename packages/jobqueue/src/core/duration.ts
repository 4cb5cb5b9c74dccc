/** Durations as people read them. Pure. */

const UNITS = [
  { name: 'd', ms: 86_400_000 },
  { name: 'h', ms: 3_600_000 },
  { name: 'min', ms: 60_000 },
  { name: 's', ms: 1_000 },
] as const;

/** Two units at most: «3 min 20 s», «450 ms». */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${Math.round(ms / 100) / 10} s`;
  const at = UNITS.findIndex((unit) => ms >= unit.ms);
  const [unit, next] = UNITS.slice(at, at + 2);
  if (unit === undefined) return `${Math.round(ms)} ms`;
  const whole = Math.floor(ms / unit.ms);
  const rest = next ? Math.floor((ms % unit.ms) / next.ms) : 0;
  return `${whole} ${unit.name}${next && rest > 0 ? ` ${rest} ${next.name}` : ''}`;
}
