/** The drains that share a process. A suspect may take the process with it: while one drain has it, no other has any job. */
import { processGlobal } from '../postgres/process-global.ts';

/** A drain, as the other drains of its process see it. */
export interface Peer {
  /** It has no job, and no claim of it is on its way. */
  readonly isIdle: boolean;
  readonly holdsSuspect: boolean;
  /** Lets it look again. */
  wake(): void;
}

/** All copies of this module in a process die together. */
const peers = processGlobal('drains', () => new Set<Peer>());

/** The returned function is called when the drain has ended. */
export function register(peer: Peer): () => void {
  peers.add(peer);
  return () => {
    peers.delete(peer);
    wakePeers();
  };
}

/** A suspect would take nobody else's jobs with it. */
export function othersAreIdle(peer: Peer): boolean {
  return others(peer).every((other) => other.isIdle);
}

/** Another drain must be left alone. */
export function anotherHoldsSuspect(peer: Peer): boolean {
  return others(peer).some((other) => other.holdsSuspect);
}

/** A suspect is gone: every drain of the process may look again. */
export function wakePeers(): void {
  for (const peer of peers) peer.wake();
}

function others(peer: Peer): Peer[] {
  return [...peers].filter((other) => other !== peer);
}
