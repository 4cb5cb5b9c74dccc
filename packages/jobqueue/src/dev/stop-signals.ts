/** Turns Ctrl-C and its relatives into two requests: stop in good order, and, when repeated, stop now. */

export interface StopSignals {
  readonly stop: AbortSignal;
  readonly force: AbortSignal;
}

/** Takes over signals: they no longer end the process, but the third one does. */
export function listenForStop(): StopSignals {
  const requests = [new AbortController(), new AbortController()] as const;
  const onSignal = () => {
    const next = requests.find(({ signal }) => !signal.aborted);
    if (!next) process.exit(130); // what a shell reports for Ctrl-C
    next.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  if (process.env.npm_lifecycle_event) whenOrphaned(() => requests[0].abort());
  return { stop: requests[0].signal, force: requests[1].signal };
}

/** npm sends a SIGTERM on to its shell, which dies of it without a word to us: that our parent is gone is all we see of it. */
function whenOrphaned(stop: () => void): void {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    stop();
  }, 250);
  watch.unref();
}
