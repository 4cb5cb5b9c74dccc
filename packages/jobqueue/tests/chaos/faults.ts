/** The faults, each a small object: its name, what it does, and the deed. The deed ends when the fault does. */
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { Network } from './network.ts';
import { hasPgBouncer, PgBouncer } from './pgbouncer.ts';
import type { ChaosServer } from './server.ts';
import type { Orders } from './worker.ts';
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

/** A process ends 450 ms after SIGTERM, in ms; the rest is for a loaded machine, as in sigterm.test.ts. */
const TERM_MS = 2_000;

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

const failover: Fault = {
  name: 'failover',
  does: 'PostgreSQL stopped at once for good; its standby, which has each confirmed commit, answers reads, is promoted and takes its place',
  async strike({ world, server, network }) {
    const port = await server.startStandby(); // no disturbance: the server works on meanwhile
    await pause(world.between(1_000, 3_000));
    const readOnlyMs = world.between(500, 4_000);
    await world.disturb(null, 'database', async () => {
      await server.halt('immediate');
      network.leadTo(port);
      await pause(readOnlyMs);
      await server.promoteStandby();
    });
    return `read-only for ${(readOnlyMs / 1_000).toFixed(1)} s`;
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
        ended += await endSessions(server);
        await pause(world.between(0, 400));
      }
    });
    return `${ended} sessions in ${times} rounds`;
  },
};

/** Ends every session of the queue. Answers how many. */
async function endSessions(server: ChaosServer): Promise<number> {
  const rows = await server.ask(
    `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'chaos' and application_name <> '${HOG}'`,
  );
  return rows.length;
}

const resets: Fault = {
  name: 'connections reset',
  does: 'every connection reset on both sides, several times in a row',
  async strike({ world, network }) {
    const times = world.between(3, 8);
    await world.disturb(null, 'database', async () => {
      for (let n = 0; n < times; n++) {
        network.reset();
        await pause(world.between(0, 400));
      }
    });
    return `${times} times`;
  },
};

/** Longer than a tick, so that drains end with outcomes that they cannot send. */
const LOST_MS = [9_000, 14_000] as const;

function losing(how: 'swallows' | 'mutes', name: string, does: string): Fault {
  return {
    name,
    does,
    async strike({ world, network }) {
      const ms = world.between(...LOST_MS);
      const open = network.connections;
      await world.disturb(null, 'database', async () => {
        network.lose(how);
        await pause(ms);
        network.restore();
      });
      return `${open} connections, ${(ms / 1_000).toFixed(1)} s`;
    },
  };
}

const pgBouncer: Fault = {
  name: 'pgbouncer',
  does: 'every connection led through PgBouncer in transaction mode with three of its own, which is killed and started again in between',
  unavailable: () => (hasPgBouncer() ? null : 'pgbouncer is not installed (Debian: apt-get install pgbouncer)'),
  async strike({ world, server, network }) {
    const halfMs = world.between(3_000, 5_000);
    let bouncer = await PgBouncer.inFrontOf(server);
    await world.disturb(null, 'database', async () => {
      network.leadTo(bouncer.port);
      await pause(halfMs);
      await bouncer.kill();
      bouncer = await PgBouncer.inFrontOf(server);
      network.leadTo(bouncer.port);
      await pause(halfMs);
      network.leadTo(server.port);
      await bouncer.kill();
    });
    return `twice ${(halfMs / 1_000).toFixed(1)} s`;
  },
};

/** Sessions as a setting makes them: new ones have it, and the old ones are ended before and behind it. */
function setting(name: string, does: string, set: string, reset: string): Fault {
  return {
    name,
    does,
    async strike({ world, server }) {
      const ms = world.between(4_000, 7_000);
      await world.disturb(null, 'database', async () => {
        await server.ask(set, 'postgres'); // sessions of the queue's own database may be read-only
        await endSessions(server);
        await pause(ms);
        await server.ask(reset, 'postgres');
        await endSessions(server);
      });
      return `${(ms / 1_000).toFixed(1)} s`;
    },
  };
}

const ofRole = (variable: string, value: string) =>
  setting(
    `${variable} ${value}`,
    `the role's sessions have ${variable} = ${value}`,
    `alter role chaos set ${variable} = '${value}'`,
    `alter role chaos reset ${variable}`,
  );

const readOnly = setting(
  'read-only',
  'sessions find a server that refuses to write, as a standby before its promotion',
  'alter database chaos set default_transaction_read_only = on',
  'alter database chaos reset default_transaction_read_only',
);

/** The name of sessions that only take up room. */
const HOG = 'hog';
/** More than a server of a world has. */
const MOST_HOGS = 100;

const exhausted: Fault = {
  name: 'max_connections',
  does: "every connection of the server taken by others, so that the queue's processes find none",
  async strike({ world, server }) {
    const ms = world.between(5_000, 8_000);
    const hogs: pg.Client[] = [];
    await world.disturb(null, 'database', async () => {
      for (const until = performance.now() + ms; performance.now() < until; ) {
        await endSessions(server); // those that were quicker than the hogs
        while (hogs.length < MOST_HOGS && (await takeUpRoom(server, hogs)));
        await pause(100);
      }
      await Promise.all(hogs.map((hog) => hog.end()));
    });
    return `${hogs.length} taken for ${(ms / 1_000).toFixed(1)} s`;
  },
};

async function takeUpRoom(server: ChaosServer, hogs: pg.Client[]): Promise<boolean> {
  const hog = new pg.Client({ connectionString: server.url(), application_name: HOG });
  hog.on('error', () => undefined);
  try {
    await hog.connect();
    hogs.push(hog);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === '53300') return false; // too many clients
    throw error;
  }
}

const BALLAST = Buffer.alloc(1 << 20);

const fullDisk: Fault = {
  name: 'full disk',
  does: "the server's file system filled to its last block; the server is started again if that ended it",
  unavailable: () => (canMount() ? null : 'a small file system for the server needs root and the right to mount'),
  async strike({ world, server }) {
    if (server.disk === null) throw new Error('the server of this world has no small disk');
    const ballast = join(server.disk, 'ballast');
    const ms = world.between(5_000, 8_000);
    let ended = '';
    await world.disturb(null, 'database', async () => {
      fill(ballast);
      for (const until = performance.now() + ms; performance.now() < until; ) {
        await pause(200);
        fill(ballast); // what the server gave back meanwhile
      }
      rmSync(ballast);
      if (!(await answers(server))) {
        ended = ', which ended the server';
        await server.halt('immediate');
        await server.begin();
      }
    });
    return `${(ms / 1_000).toFixed(1)} s${ended}`;
  },
};

function fill(file: string): void {
  for (const block of [BALLAST, BALLAST.subarray(0, 4_096)])
    try {
      for (;;) appendFileSync(file, block);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
}

/** A server that recovers from a crash answers within seconds. */
async function answers(server: ChaosServer): Promise<boolean> {
  for (let tries = 0; tries < 25; tries++) {
    try {
      await server.ask('select 1');
      return true;
    } catch {
      await pause(200);
    }
  }
  return false;
}

/** Tried, because root in a container may lack the right. */
export function canMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  const folder = mkdtempSync(join(tmpdir(), 'jobqueue-mount-'));
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]);
  if (status === 0) spawnSync('umount', [folder]);
  rmdirSync(folder);
  return status === 0;
}

/** Statements of a process, of which each is once its last: a claim, reports, settlements, tokens, checkpoints. */
const STATEMENTS = 12;
/** Processes that live at the same time. */
const AT_ONCE = 6;
const MOMENTS = ['before', 'sent', 'answered'] as const;
/** A process that has found too little to do for so many statements. */
const STILL_ALIVE_MS = 40_000;

const boundaries: Fault = {
  name: 'every statement boundary',
  does: `a process SIGKILLs itself before, during and after its n-th statement, n from 1 to ${STATEMENTS}`,
  async strike({ world }) {
    const deaths = Array.from({ length: STATEMENTS }, (_, n) => n + 1).flatMap((statement) =>
      MOMENTS.map((moment) => ({ statement, moment })),
    );
    let late = 0;
    const next = async (): Promise<void> => {
      for (let dieAt = deaths.shift(); dieAt; dieAt = deaths.shift()) late += (await dies(world, dieAt)) ? 0 : 1;
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));
    return `${STATEMENTS * MOMENTS.length} processes${late > 0 ? `, ${late} of them killed later` : ''}`;
  },
};

async function dies(world: World, dieAt: NonNullable<Orders['dieAt']>): Promise<boolean> {
  const worker = world.startWorker({ dieAt });
  worker.expected = true;
  let isLate = false;
  const late = setTimeout(() => {
    isLate = true;
    worker.child.kill('SIGKILL');
  }, STILL_ALIVE_MS);
  await world.disturb(worker.name, 'killed', async () => {
    const [code, signal] = await worker.ended;
    if (signal !== 'SIGKILL') world.violations.push(`${worker.name} ended by itself with ${code ?? signal}`);
  });
  clearTimeout(late);
  return !isLate;
}

export const FAULTS: readonly Fault[] = [
  kill,
  freeze,
  terminate,
  boundaries,
  crash,
  restart,
  failover,
  backends,
  resets,
  losing(
    'swallows',
    'blackhole',
    'nothing arrives on either side, and every connection stays open, longer than a tick',
  ),
  losing(
    'mutes',
    'half-open',
    'statements arrive and are executed, their answers are lost, and every connection stays open',
  ),
  pgBouncer,
  readOnly,
  exhausted,
  fullDisk,
  ofRole('statement_timeout', '5ms'),
  ofRole('lock_timeout', '1ms'),
  ofRole('default_transaction_isolation', 'repeatable read'),
  ofRole('default_transaction_isolation', 'serializable'),
];
