/** The drains that share a process. A suspect may take the process with it: while one drain holds it, no other holds anything. */
import { processGlobal } from '../postgres/process-global.ts';

/** What the others must know of a drain. */
export interface Member {
  /** Nothing runs or waits in its hands, and no claim of it is on its way. */
  readonly isIdle: boolean;
  readonly holdsSuspect: boolean;
  /** Lets it look again. */
  wake(): void;
}

/** All copies of this module in a process die together. */
const members = processGlobal('drains', () => new Set<Member>());

/** The returned function is called when the drain has ended. */
export function join(member: Member): () => void {
  members.add(member);
  return () => {
    members.delete(member);
    wakeOthers(member);
  };
}

/** A suspect would take nobody else's jobs with it. */
export function othersAreIdle(member: Member): boolean {
  return others(member).every((other) => other.isIdle);
}

/** Another drain must be left alone. */
export function anotherHoldsSuspect(member: Member): boolean {
  return others(member).some((other) => other.holdsSuspect);
}

export function wakeOthers(member: Member): void {
  for (const other of others(member)) other.wake();
}

function others(member: Member): Member[] {
  return [...members].filter((other) => other !== member);
}
