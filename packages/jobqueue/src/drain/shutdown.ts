/** One SIGTERM listener for all drains of a process. Without it a drain would be ended where it stands. */

const stops = new Set<() => void>();
let received = false;

/** Calls `stop` when SIGTERM comes, or at once while other drains still give back after one; the returned function ends the watch. */
export function onShutdown(stop: () => void): () => void {
  if (stops.size === 0) process.on('SIGTERM', stopAll);
  stops.add(stop);
  if (received) stop();
  return () => {
    stops.delete(stop);
    if (stops.size > 0) return;
    process.removeListener('SIGTERM', stopAll);
    // our listener kept the default action from happening: with the last drain ended it is due, unless the host has its own
    if (received && process.listenerCount('SIGTERM') === 0) process.kill(process.pid, 'SIGTERM');
    received = false;
  };
}

function stopAll(): void {
  received = true;
  for (const stop of stops) stop();
}
