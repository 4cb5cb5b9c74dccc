/**
 * Injects the faults of `--chaos`: drains are processes that are killed in the middle of jobs, calls are lost before and after
 * they took effect, answers break off, webhooks arrive late, twice or never. Clocks are spared: a wait of minutes for a lease or
 * an answer is shortened in its row, and every such change is printed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createQueue } from '@conversure/jobqueue';
import type { Database } from '@conversure/jobqueue/postgres';
import { jobs } from '../../lib/queue/jobs.ts';
import { compile } from '../compile.ts';
import { Clock } from './clock.ts';
import type { Systems } from './systems.ts';
import type { Drains } from './ticks.ts';

export interface Chaos extends Drains {
  /** Moves on what waits for a webhook that was lost, and brings back what the queue gave up for its drains died too often. */
  wait(): Promise<void>;
  /** No more faults and kills; drains go on. */
  calm(): Promise<void>;
}

export interface ChaosOptions {
  readonly database: Database;
  readonly systems: Systems;
  /** The environment that a drain needs from the app. */
  readonly env: Readonly<Record<string, string>>;
  readonly print: (line: string) => void;
}

const DRAINER = fileURLToPath(new URL('drainer.ts', import.meta.url));
const DRAINS = 3;
/** Between two kills: long enough that most jobs come to an end, short enough that none is spared. */
const KILL_MS = { least: 1_200, most: 2_800 };

/** Moving rows costs statements: once a second is often enough. */
const LOOK_MS = 1_000;

const FAULTS = {
  whatsapp: [
    { match: 'POST .*/messages', ratio: 0.1, reset: 'after' },
    { match: 'POST .*/messages', ratio: 0.03, reset: 'before' },
    { match: 'POST .*/messages', ratio: 0.02, status: 503 },
    { match: 'POST .*/messages', ratio: 0.02, truncate: true },
  ],
  bitrix24: [
    { ratio: 0.1, reset: 'after' },
    { ratio: 0.05, reset: 'before' },
    { ratio: 0.05, status: 502 },
    { ratio: 0.03, truncate: true },
  ],
  llm: [
    { ratio: 0.1, status: 500 },
    { ratio: 0.1, reset: 'after' },
  ],
} as const;
const WEBHOOKS = { lost: 0.05, doubled: 0.15, reordered: true, delayMs: 30 };

export async function startChaos({ database, systems, env, print }: ChaosOptions): Promise<Chaos> {
  const drains: ChildProcess[] = [];
  const clock = new Clock(database);
  const operator = createQueue({ database: () => database, jobs });
  const since = new Date();
  const over = new AbortController();
  const folder = await mkdtemp(join(tmpdir(), 'jobqueue-chaos-'));
  await compile({ drainer: DRAINER }, folder);
  const totals = { kills: 0, 'jobs torn by kills': 0, 'brought back by an operator': 0 };
  let started = 0;
  let nextLookMs = 0;

  const start = (): void => {
    const source = `chaos-${process.pid}-${++started}`;
    const drain = spawn(process.execPath, [join(folder, 'drainer.mjs'), source], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    drains.push(drain);
    names.set(drain, source);
  };
  const names = new Map<ChildProcess, string>();

  async function kill(drain: ChildProcess): Promise<void> {
    const ended = drain.exitCode !== null || drain.signalCode !== null ? null : once(drain, 'exit');
    drain.kill('SIGKILL');
    await ended;
    drains.splice(drains.indexOf(drain), 1);
    const torn = await clock.endLeasesOf(names.get(drain) ?? '');
    names.delete(drain);
    totals.kills++;
    totals['jobs torn by kills'] += torn;
  }

  async function killNext(): Promise<void> {
    const busy = await clock.sourcesToKill();
    const victim = drains.find((drain) => busy.includes(names.get(drain) ?? ''));
    if (victim === undefined) return;
    await kill(victim);
    start();
  }

  const killing = (async () => {
    while (!over.signal.aborted) {
      const ms = KILL_MS.least + Math.random() * (KILL_MS.most - KILL_MS.least);
      await wait(ms, undefined, { signal: over.signal }).catch(() => undefined);
      if (!over.signal.aborted) await killNext();
    }
  })();
  killing.catch(() => over.abort()); // calm() tells

  for (const system of ['whatsapp', 'bitrix24', 'llm'] as const) await systems.spoil(system, FAULTS[system]);
  await systems.spoilWebhooks(WEBHOOKS);
  for (let n = 0; n < DRAINS; n++) start();
  print(
    `Chaos     ${DRAINS} drains that are killed every two seconds, a fifth of all calls lost before or after they took effect,`,
  );
  print('          a twentieth of the webhooks lost, others doubled and out of order');

  return {
    totals: () => totals,
    async wait() {
      if (performance.now() < nextLookMs) return;
      nextLookMs = performance.now() + LOOK_MS;
      totals['jobs torn by kills'] += await clock.endOrphanedLeases([...names.values()]);
      const dead = { errorName: 'CrashedError', finishedAfter: since };
      const { changed } = await operator.replay(dead, { actor: 'demo' });
      totals['brought back by an operator'] += changed;
      await clock.skipCrmWaits();
      const skipped = await clock.skipGrace();
      if (skipped > 0) print(`          (an hour passes for ${skipped} calls that nobody answered)`);
    },
    async calm() {
      over.abort();
      await killing;
      await systems.heal();
    },
    async close() {
      over.abort();
      await Promise.allSettled([killing]);
      await Promise.all([...drains].map(kill));
      await rm(folder, { recursive: true });
    },
  };
}
