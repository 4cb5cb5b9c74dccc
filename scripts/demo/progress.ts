/** Waiting for something that drains do, telling how far it is meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from '../setup-error.ts';

export interface Progress {
  /** 0 to 1. */
  readonly done: number;
  /** The text beside the bar. */
  readonly says: string;
  readonly isOver: boolean;
}

export interface WatchOptions {
  readonly print: (line: string) => void;
  readonly stop: AbortSignal;
  /** Called between two looks: a demo skips the minutes in which something waits for what nobody will tell. */
  readonly wait: () => Promise<void>;
}

/** A person watches. */
const LOOK_MS = 150;
/** The largest file that one request carries is imported in a minute on two busy cores; the portal takes two requests a second. */
const END_MS = 15 * 60_000;

/** Looks until it is over; each change is a line. Throws SetupError if it never is. */
export async function watch<P extends Progress>(
  look: () => Promise<P>,
  { print, stop, wait }: WatchOptions,
): Promise<P> {
  const endAtMs = Date.now() + END_MS;
  let told = '';
  for (;;) {
    const progress = await look();
    const line = `          ${bar(progress.done)}  ${progress.says}`;
    if (line !== told) print(line);
    told = line;
    if (progress.isOver) return progress;
    if (Date.now() > endAtMs) throw new SetupError(`After ${END_MS / 60_000} minutes it still is: ${progress.says}`);
    await wait();
    await sleep(LOOK_MS, undefined, { signal: stop });
  }
}

function bar(done: number): string {
  const full = Math.round(Math.min(1, Math.max(0, done)) * 20);
  return `${'█'.repeat(full).padEnd(20, '░')} ${String(Math.floor(done * 100)).padStart(3)} %`;
}

/** `share(0, 0)` is all: there was nothing to do. */
export const share = (part: number, whole: number): number => (whole === 0 ? 1 : part / whole);
