/** The state that a campaign's job carries between runs: its back-off counters. Everything else is in the campaign's rows. */
import { z } from 'zod';

const State = z.object({
  /** Consecutive answers of Meta that the number sends too fast. */
  throttles: z.int().min(0).max(1_000).catch(0),
  /** Times that the job has checked if a settling campaign is settled. */
  looks: z.int().min(0).max(1_000).catch(0),
});

export type State = z.output<typeof State>;

export function stateOf(state: unknown): State {
  return State.parse(typeof state === 'object' && state !== null ? state : {});
}
