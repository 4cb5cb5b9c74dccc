import { refused, text } from './options.ts';

/** The name recorded in the audit log for a change. */
export interface Actor {
  /** A person's name or an address, 1 to 200 characters. */
  readonly actor: string;
  /** Kept beside the name; at most 1,000 characters. */
  readonly reason?: string;
}

const ACTOR_CHARS = 200;
/** A sentence or two; an audit log is read in lists. */
const REASON_CHARS = 1_000;

/** The name alone. Throws QueueError `option_invalid` unless somebody stands up for what is done. */
export function actorOf(by: Pick<Actor, 'actor'>): string {
  const actor = text('actor', (by as Partial<Actor> | undefined)?.actor, ACTOR_CHARS);
  if (actor.trim() === '') throw refused('actor', 'the name of a person or an address', actor);
  return actor;
}

/** Name and reason. Throws QueueError `option_invalid`. */
export function checkActor(by: Actor): Actor {
  return { actor: actorOf(by), ...(by.reason !== undefined && { reason: reasonOf(by.reason) }) };
}

/** Throws QueueError `option_invalid`. */
export function reasonOf(reason: string): string {
  return text('reason', reason, REASON_CHARS);
}
