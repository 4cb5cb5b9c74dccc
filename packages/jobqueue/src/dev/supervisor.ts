/** Runs the app and its ticker until one of them or the user ends it and then ends the other. */
import { once } from 'node:events';
import { type Command, startApp, untilAnswers } from './app-process.ts';
import type { StopSignals } from './stop-signals.ts';
import { startTicker, type TickerSchedule } from './ticker.ts';

/** Options of `supervise`: the app, its address, and the schedules of its ticks. */
export interface Supervision {
  readonly app: Command;
  /** The origin that the app will answer at. */
  readonly origin: string;
  /** A path that answers once the app is there, whatever it answers; default `/`. */
  readonly readyPath?: string;
  readonly schedules: readonly TickerSchedule[];
  readonly cronSecret: string;
  readonly signals: StopSignals;
  readonly print: (line: string) => void;
}

/** Resolves to the exit code: the app's own if it ended by itself, 0 if it was asked to stop. */
export async function supervise(supervision: Supervision): Promise<number> {
  const { stop, force } = supervision.signals;
  if (stop.aborted) return 0;
  const app = startApp(supervision.app);
  force.addEventListener('abort', app.kill);
  const crashed = new AbortController();
  const exited = app.exited.finally(() => crashed.abort());
  const ticking = tickUntil(AbortSignal.any([stop, crashed.signal]), supervision);
  await Promise.race([exited, once(stop, 'abort')]);
  if (stop.aborted) {
    supervision.print('Stopping: running jobs are given back. Press Ctrl-C again to stop immediately.');
    await app.stop();
  }
  const code = await exited;
  await ticking;
  return stop.aborted ? 0 : code;
}

/** The first tick waits for the app; no tick begins after `end`. */
async function tickUntil(
  end: AbortSignal,
  { origin, readyPath = '/', schedules, cronSecret, print }: Supervision,
): Promise<void> {
  const ready = await untilAnswers(new URL(readyPath, origin), end);
  if (!ready) return;
  const ticker = startTicker({ origin, schedules, secret: cronSecret, print });
  end.addEventListener('abort', ticker.stop);
  const paths = schedules.map(({ path, schedule }) => `${path} (${schedule})`);
  print(`Ready at ${origin}. Ticking ${paths.join(', ')}.`);
}
