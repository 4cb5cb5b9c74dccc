/** The queues that are compared: what each is called and how one process of it is started. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** One Node for all of them: both peers refuse Node 20, and a newer engine for them alone would be a gift. */
export const NODE = file(`./peers/node_modules/node/bin/node${process.platform === 'win32' ? '.exe' : ''}`);

export type QueueName = 'ours' | 'graphile-worker' | 'pg-boss' | 'before';

export interface Queue {
  readonly name: QueueName;
  readonly script: string;
}

export const QUEUES: readonly Queue[] = [
  { name: 'ours', script: file('./ours.ts') },
  { name: 'graphile-worker', script: file('./peers/graphile.mjs') },
  { name: 'pg-boss', script: file('./peers/pgboss.mjs') },
];

/** Ours as another checkout of this repository has it, with what it needs installed in it. */
export function ofCheckout(folder: string): Queue {
  const script = resolve(folder, 'bench/ours.ts');
  if (!existsSync(script)) throw new Error(`--against: expected a checkout of this repository, found no ${script}`);
  return { name: 'before', script };
}

/** Throws, with the next step, when the peers are not installed. */
export function requirePeers(): void {
  if (existsSync(NODE)) return;
  throw new Error('The queues to compare with are not installed: run `npm install --prefix bench/peers` first.');
}
