/** Deadlines that a test need not sit out. */
import { DEADLINES_MS } from '../../packages/jobqueue/src/postgres/deadlines.ts';

/** Until the returned function is called, this default is shorter. */
export function shorten(deadline: keyof typeof DEADLINES_MS, ms: number): () => void {
  const before = DEADLINES_MS[deadline];
  Object.assign(DEADLINES_MS, { [deadline]: ms });
  return () => void Object.assign(DEADLINES_MS, { [deadline]: before });
}
