/** The handlers' own account of what they did: a file per process that the queue never touches, a line per fact, whole even after a SIGKILL. */
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** One run: a job under one fence, in one tick of a process. */
interface OfRun {
  readonly job: string;
  readonly fence: number;
  /** Counts the drains of its process. */
  readonly tick: number;
}

/**
 * The end of a run as its handler saw it. `late`: it succeeded after its signal had fired, so its drain may have
 * given it up; `aborted`: it threw then.
 */
export type HandlerEnd = 'ok' | 'continued' | 'cancelled' | 'failed' | 'postponed' | 'late' | 'aborted';

/** The counters of a drain's report that conservation needs. */
export interface Reported {
  readonly completed: number;
  readonly unconfirmed: number;
  readonly lost: number;
  readonly stopReason: string | null;
}

/** A fact, before it has its instant. */
export type Entry =
  | (OfRun & {
      readonly what: 'begin';
      readonly type: string;
      readonly token: string;
      readonly attempt: number;
      /** The steps that its state says are done. */
      readonly done: number;
      /** The slot of a schedule's job, ISO. */
      readonly slot: string | null;
    })
  | (OfRun & { readonly what: 'end'; readonly outcome: HandlerEnd; readonly done: number })
  /** A checkpoint was confirmed. */
  | (OfRun & { readonly what: 'saved'; readonly done: number })
  | { readonly what: 'tick'; readonly tick: number }
  | { readonly what: 'report'; readonly tick: number; readonly report: Reported }
  /** The drain rejected, which it may only do if it never reached the database. */
  | { readonly what: 'rejected'; readonly tick: number; readonly message: string };

/** A fact with its instant, ms by the clock that all processes of a machine share, and the process that wrote it. */
export type Fact = Entry & { readonly at: number; readonly process: string };

/** Wall-clock milliseconds, finer than `Date.now()`. */
export const nowMs = () => performance.timeOrigin + performance.now();

/** Opens the file of a process. One `write` a fact, behind the end: it is whole, or it is not there. */
export function openRecords(folder: string, process: string): { write(entry: Entry): void; close(): void } {
  const file = openSync(join(folder, `${process}.jsonl`), 'a');
  return {
    write: (entry) => writeSync(file, `${JSON.stringify({ at: nowMs(), ...entry })}\n`),
    close: () => closeSync(file),
  };
}

/** All facts of all processes, in the order of their instants. */
export function readRecords(folder: string): readonly Fact[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl'))
    .flatMap((name) => {
      const process = name.slice(0, -'.jsonl'.length);
      const lines = readFileSync(join(folder, name), 'utf8').split('\n').filter(Boolean);
      return lines.map((line): Fact => ({ ...JSON.parse(line), process }));
    })
    .sort((a, b) => a.at - b.at);
}
