/** Shows the progress of long work on stderr: a bar on a terminal, a line now and then elsewhere. */
import { Presets, SingleBar } from 'cli-progress';
import { note } from './output.ts';

/** Between lines where nobody sees a bar. */
const LINE_MS = 2_000;

export interface Progress {
  at(done: number): void;
  end(): void;
}

/** `total` may be an underestimate: the bar grows with what is done. */
export function progress(what: string, total: number, { quiet = false } = {}): Progress {
  if (quiet) return { at: () => {}, end: () => {} };
  return process.stderr.isTTY ? bar(what, total) : lines(what, total);
}

function bar(what: string, total: number): Progress {
  const shown = new SingleBar(
    { format: `${what} {bar} {value}/{total}, {eta_formatted} left`, stream: process.stderr, hideCursor: true },
    Presets.shades_grey,
  );
  shown.start(Math.max(1, total), 0);
  return {
    at: (done) => {
      if (done > shown.getTotal()) shown.setTotal(done);
      shown.update(done);
    },
    end: () => shown.stop(),
  };
}

function lines(what: string, total: number): Progress {
  let toldAt = performance.now();
  return {
    at: (done) => {
      if (performance.now() - toldAt < LINE_MS) return;
      toldAt = performance.now();
      note(`${what}: ${done} of ${Math.max(total, done)}`);
    },
    end: () => {},
  };
}
