/** The faults, each a small object: its name, what it does, and the deed. The deed ends when the fault does. */
import type { Network } from './network.ts';
import type { ChaosServer } from './server.ts';
import { LEASE_MS, type Worker, type World } from './world.ts';

/** Everything that a fault may reach. */
export interface Scene {
  readonly world: World;
  readonly server: ChaosServer;
  readonly network: Network;
}

/** A fault. */
export interface Fault {
  readonly name: string;
  readonly does: string;
  /** The reason why this machine cannot have it; null: it can. */
  unavailable?(): string | null;
  /** Answers what it did, in a few words. */
  strike(scene: Scene): Promise<string>;
}

/** A stop of a process in ms: what runs there is told at once. */
const TERM_MS = 10_000;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Ends so many processes, and starts as many others at once. */
async function killSome(world: World, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const worker = world.someWorker();
    await world.kill(worker);
    world.startWorker();
  }
}

const kill: Fault = {
  name: 'kill',
  does: 'SIGKILL to one process, one after another, or all at a random moment; others start at once',
  async strike({ world }) {
    const count = world.between(1, world.workers.length);
    for (let n = 0; n < count; n++) {
      await killSome(world, 1);
      await pause(world.between(0, 500));
    }
    return `${count} killed`;
  },
};

const freeze: Fault = {
  name: 'freeze',
  does: 'SIGSTOP to one process for longer than its leases last, then SIGCONT',
  async strike({ world }) {
    const worker = world.someWorker();
    const ms = LEASE_MS + world.between(1_000, 4_000);
    await world.disturb(worker.name, 'stopped', async () => {
      worker.child.kill('SIGSTOP');
      await pause(ms);
      worker.child.kill('SIGCONT');
      await pause(1_000); // until what it was about to do is done
    });
    return `frozen for ${(ms / 1_000).toFixed(1)} s`;
  },
};

const terminate: Fault = {
  name: 'terminate',
  does: 'SIGTERM to one process, which gives back what it did not finish and ends by it',
  async strike({ world }) {
    const worker = world.someWorker();
    worker.expected = true;
    let ms = 0;
    await world.disturb(worker.name, 'told to end', async () => {
      worker.child.kill('SIGTERM');
      ms = await endedWithin(world, worker, TERM_MS);
    });
    world.startWorker();
    return `ended after ${ms} ms`;
  },
};

async function endedWithin(world: World, worker: Worker, patienceMs: number): Promise<number> {
  const from = performance.now();
  const late = setTimeout(() => {
    world.violations.push(`${worker.name} still ran ${patienceMs} ms after SIGTERM`);
    worker.child.kill('SIGKILL');
  }, patienceMs);
  await worker.ended;
  clearTimeout(late);
  return Math.round(performance.now() - from);
}

const crash: Fault = {
  name: 'crash of the server',
  does: 'PostgreSQL stopped at once, as if it crashed, and started again after up to two seconds',
  async strike({ world, server }) {
    const downMs = world.between(0, 2_000);
    await world.disturb(null, 'database', async () => {
      await server.halt('immediate');
      await pause(downMs);
      await server.begin();
    });
    return `down for ${downMs} ms and its recovery`;
  },
};

const restart: Fault = {
  name: 'restart of the server',
  does: 'PostgreSQL stopped fast, with a checkpoint, and started again',
  async strike({ world, server }) {
    await world.disturb(null, 'database', async () => {
      await server.halt('fast');
      await server.begin();
    });
    return 'restarted';
  },
};

const backends: Fault = {
  name: 'backends terminated',
  does: 'every session of the queue ended by pg_terminate_backend, several times in a row',
  async strike({ world, server }) {
    const times = world.between(3, 8);
    let ended = 0;
    await world.disturb(null, 'database', async () => {
      for (let n = 0; n < times; n++) {
        const rows = await server.ask(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'chaos'`);
        ended += rows.length;
        await pause(world.between(0, 400));
      }
    });
    return `${ended} sessions in ${times} rounds`;
  },
};

export const FAULTS: readonly Fault[] = [kill, freeze, terminate, crash, restart, backends];
