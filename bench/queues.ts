/** The queues that are compared: what each is called and how one process of it is started. */
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../tests/deploy/platform-build.ts';

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** One Node for all of them: both peers refuse Node 20, and a newer engine for them alone would be a gift. */
export const NODE = file(`./peers/node_modules/node/bin/node${process.platform === 'win32' ? '.exe' : ''}`);

export type QueueName = 'ours' | 'graphile-worker' | 'pg-boss' | 'DataQueue' | 'before';

export interface Queue {
  readonly name: QueueName;
  readonly script: string;
  /** A process that works at a steady rate; the recovery of queues that have none is not measured. */
  readonly steady?: string;
  /** Takes part in rows that name it alone. */
  readonly isGuest?: boolean;
}

export const QUEUES: readonly Queue[] = [
  { name: 'ours', script: file('./ours.ts'), steady: file('./recovery/ours.ts') },
  { name: 'graphile-worker', script: file('./peers/graphile.mjs'), steady: file('./peers/steady-graphile.mjs') },
  { name: 'pg-boss', script: file('./peers/pgboss.mjs'), steady: file('./peers/steady-pgboss.mjs') },
  { name: 'DataQueue', script: file('./peers/dataqueue.mjs'), isGuest: true },
];

/** The last commit that kept claimed jobs in the live table and each ended job in a row of its own. */
const BEFORE_BATCHES = 'af7523e';

/** Ours as it was before jobs moved in batches; installed and built once in the temporary folder, which takes a minute. */
export async function beforeBatches(): Promise<Queue> {
  const folder = join(tmpdir(), `jobqueue-bench-${BEFORE_BATCHES}`);
  const done = join(folder, 'node_modules/.built');
  if (!existsSync(done)) {
    await rm(folder, { recursive: true, force: true });
    await run('git', ['clone', '--quiet', '--local', '--no-checkout', '.', folder]);
    await run('git', ['checkout', '--quiet', '--detach', BEFORE_BATCHES], { cwd: folder });
    await run('npm', ['ci', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'], { cwd: folder });
    await run('npm', ['run', '--silent', 'build:packages'], { cwd: folder });
    await writeFile(done, '');
  }
  return ofCheckout(folder);
}

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
