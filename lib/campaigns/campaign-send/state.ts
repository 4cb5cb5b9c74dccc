/** What a campaign's job carries from run to run: how patient it has become. Everything else is in the campaign's rows. */
import { z } from 'zod';

const State = z.object({
  /** How often in a row Meta said that the number is too quick. */
  throttles: z.int().min(0).max(1_000).catch(0),
  /** How often it has looked whether a settling campaign is settled. */
  looks: z.int().min(0).max(1_000).catch(0),
});

export type State = z.output<typeof State>;

export function stateOf(state: unknown): State {
  return State.parse(typeof state === 'object' && state !== null ? state : {});
}
