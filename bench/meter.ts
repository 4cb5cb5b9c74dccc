/** Measures the cost of a run for the database: WAL bytes and CPU time of the whole server, read before and after. */
import { readdir, readFile } from 'node:fs/promises';
import type { Client } from 'pg';

export interface Reading {
  readonly walBytes: number;
  /** User and system time of every process of the server, ended ones included; `null` where /proc does not show them. */
  readonly cpuMs: number | null;
}

export interface Meter {
  read(): Promise<Reading>;
}

/** Linux counts process time in ticks of 10 ms on every platform that Node supports. */
const TICK_MS = 10;

/** Position in /proc/<pid>/stat, counted from the state, which follows the command's closing parenthesis. */
const FIELD = { parent: 1, userTicks: 11, systemTicks: 12, childUserTicks: 13, childSystemTicks: 14 } as const;

export async function createMeter(client: Client): Promise<Meter> {
  const postmaster = await findPostmaster(client);
  return {
    async read() {
      const { rows } = await client.query<{ bytes: string }>(
        `select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::text as bytes`,
      );
      return { walBytes: Number(rows[0]?.bytes), cpuMs: postmaster === null ? null : await cpuMs(postmaster) };
    },
  };
}

/** The server's first process, if this server runs on this machine. */
async function findPostmaster(client: Client): Promise<number | null> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const backend = await stat(rows[0]?.pid ?? 0);
  return backend?.command === 'postgres' ? (backend.fields[FIELD.parent] ?? null) : null;
}

async function cpuMs(postmaster: number): Promise<number> {
  // A process that ends between the two listings would be counted twice or not at all: then look again.
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const before = await serverProcesses(postmaster);
    const after = await serverProcesses(postmaster);
    if (before.pids !== after.pids) continue;
    return after.ticks * TICK_MS;
  }
  throw new Error('The set of PostgreSQL processes did not stand still for one reading of their CPU time.');
}

async function serverProcesses(postmaster: number): Promise<{ pids: string; ticks: number }> {
  const listed = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const pids: number[] = [];
  let ticks = 0;
  for (const pid of listed) {
    const process = await stat(pid);
    if (process === null) continue;
    const field = (name: keyof typeof FIELD) => process.fields[FIELD[name]] ?? 0;
    if (pid !== postmaster && field('parent') !== postmaster) continue;
    pids.push(pid);
    ticks += field('userTicks') + field('systemTicks');
    if (pid === postmaster) ticks += field('childUserTicks') + field('childSystemTicks');
  }
  return { pids: pids.join(' '), ticks };
}

async function stat(pid: number): Promise<{ command: string; fields: number[] } | null> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    const end = text.lastIndexOf(')');
    return {
      command: text.slice(text.indexOf('(') + 1, end),
      fields: text
        .slice(end + 2)
        .split(' ')
        .map(Number),
    };
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return null;
    throw error; // gone (or no /proc at all) is an answer; anything else is not
  }
}
