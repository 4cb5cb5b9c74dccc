/** Memory that is kept: what is reachable, without the garbage that the engine has not collected yet. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { LOOK_MS } from './held.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Buffers included. */
export function reachableBytes(): number {
  collect();
  return usedBytes();
}

/** The most that is reachable beyond what was before, at any look while `act` runs. Up to `enough` it is not measured: garbage is not collected for it. */
export async function mostKeptBytes(act: () => Promise<unknown>, enough: number): Promise<number> {
  const before = reachableBytes();
  let most = 0;
  const look = () => {
    if (usedBytes() - before > Math.max(most, enough)) most = Math.max(most, reachableBytes() - before);
  };
  const looks = setInterval(look, LOOK_MS);
  try {
    await act();
    look();
  } finally {
    clearInterval(looks);
  }
  return most;
}

function usedBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
