/** The order of jobs within a lane. Pure. */

/** The order in which claimed jobs start: urgent first, then by due time, then by id. */
export function byPlace(
  a: { priority: number; dueAt: string; id: string },
  b: { priority: number; dueAt: string; id: string },
): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  if (a.dueAt !== b.dueAt) return a.dueAt < b.dueAt ? -1 : 1; // ISO in UTC: text order is time order
  return a.id.length - b.id.length || (a.id < b.id ? -1 : 1);
}
