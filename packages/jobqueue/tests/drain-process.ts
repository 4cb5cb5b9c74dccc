/** Starts drains in processes of their own, hears their facts and ends them; and gives each a network that can be broken. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, vi } from 'vitest';
import type { DriverName } from '../../../tests/support/driver-parity.ts';
import type { Faults } from '../../../tests/support/faults.ts';
import { neonEndpoint } from '../../../tests/support/neon-endpoint.ts';
import { programFile } from '../../../tests/support/programs.ts';
import { tcpProxy } from '../../../tests/support/tcp-proxy.ts';
import type { Database } from '../src/postgres/connect.ts';
import type { Fact, Orders } from './programs/drainer.ts';
import { rows } from './support.ts';

type FactOf<Name extends Fact['fact']> = Extract<Fact, { fact: Name }>;

export interface DrainProcess {
  readonly facts: readonly Fact[];
  /** Everything it ever tells is in `facts` by then. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  obey(orders: Orders): void;
  /** The first fact of this name that `matches`; rejects with what the process complained of if it ends without. */
  tells<Name extends Fact['fact']>(name: Name, matches?: (fact: FactOf<Name>) => boolean): Promise<FactOf<Name>>;
  kill(signal: NodeJS.Signals): void;
}

const alive = new Set<DrainProcess>();

/** Returns at once; the first orders wait until it has started up. */
export function startDrainProcess(): DrainProcess {
  const child = spawn(process.execPath, [programFile('drainer')], { stdio: ['pipe', 'pipe', 'pipe'] });
  const facts: Fact[] = [];
  const listeners = new Set<(fact: Fact | null) => void>();
  let complaint = '';
  let over = false;
  const hear = (fact: Fact | null) => {
    for (const listener of listeners) listener(fact);
  };
  child.stdin.on('error', () => undefined); // the process may die before it reads its orders: `ended` says so
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-2_000); // a native abort prints pages; the end names the cause
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const fact = JSON.parse(line) as Fact;
    facts.push(fact);
    hear(fact);
  });
  const ended = once(child, 'close').then(([code, signal]) => {
    over = true;
    alive.delete(drain);
    hear(null);
    return { code, signal };
  });
  const drain: DrainProcess = {
    facts,
    ended,
    obey: (orders) => child.stdin.write(`${JSON.stringify(orders)}\n`),
    tells: (name, matches = () => true) =>
      new Promise((resolve, reject) => {
        const isIt = (fact: Fact): fact is FactOf<typeof name> =>
          fact.fact === name && matches(fact as FactOf<typeof name>);
        const listener = (fact: Fact | null) => {
          if (fact !== null && !isIt(fact)) return;
          listeners.delete(listener);
          if (fact === null) reject(new Error(`the drain ended without telling '${name}': ${complaint}`));
          else resolve(fact);
        };
        const told = facts.find(isIt);
        if (told) return resolve(told);
        listeners.add(listener);
        if (over) listener(null);
      }),
    kill: (signal) => child.kill(signal),
  };
  alive.add(drain);
  return drain;
}

/** Called by afterEach: no process outlives its test. */
export async function endDrainProcesses(): Promise<void> {
  for (const drain of alive) drain.kill('SIGKILL');
  await Promise.all(Array.from(alive, (drain) => drain.ended));
}

export interface Network {
  readonly faults: Faults;
  /** The connection of a drain process. */
  readonly way: Pick<Orders, 'url' | 'connection'>;
  close(): Promise<void>;
}

export async function networkFor(driver: DriverName, url: string): Promise<Network> {
  if (driver === 'postgres') {
    const proxy = await tcpProxy(url);
    return { faults: proxy.faults, way: { url: proxy.url, connection: { driver } }, close: proxy.close };
  }
  const { faults, origin, close } = await neonEndpoint(url);
  return { faults, way: { url, connection: { driver, endpoint: origin } }, close };
}

/** Statements of the dead end by themselves, a moment later: until then they may still claim, and hold what they claimed. */
export function deadStatementsEnd(database: Database): Promise<void> {
  const active = `select from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'`;
  return vi.waitFor(async () => expect(await rows(database, active)).toEqual([]), { timeout: 15_000, interval: 20 });
}
