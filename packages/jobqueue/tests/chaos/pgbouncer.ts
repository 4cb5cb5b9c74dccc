/** PgBouncer in transaction mode in front of a server, with fewer connections than its clients want. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/embedded/port.ts';
import type { ChaosServer } from './server.ts';

/** Connections to the server, of which three drain processes want four each. */
const POOL = 3;
/** It listens within milliseconds. */
const START_MS = 10_000;

/** True if the program is on the path. */
export function hasPgBouncer(): boolean {
  return spawnSync('pgbouncer', ['--version']).status === 0;
}

export class PgBouncer {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(port: number, child: ChildProcess, folder: string) {
    this.port = port;
    this.#child = child;
    this.#folder = folder;
    process.once('exit', this.#abandon);
  }

  /** Starts one, and waits until it listens. */
  static async inFrontOf(server: ChaosServer): Promise<PgBouncer> {
    const { username, password, pathname, hostname, port: target } = new URL(server.url());
    const folder = mkdtempSync(join(tmpdir(), 'jobqueue-bouncer-'));
    const port = await freePort();
    const users = join(folder, 'users.txt');
    const settings = join(folder, 'pgbouncer.ini');
    writeFileSync(users, `"${username}" "${password}"\n`, { mode: 0o600 });
    writeFileSync(
      settings,
      `[databases]
${pathname.slice(1)} = host=${hostname} port=${target}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = plain
auth_file = ${users}
pool_mode = transaction
default_pool_size = ${POOL}
max_client_conn = 200
`,
      { mode: 0o600 },
    );
    const { account } = server.place;
    if (account) for (const path of [folder, users, settings]) chownSync(path, account.uid, account.gid);
    const child = spawn('pgbouncer', [settings], { ...account, cwd: folder, stdio: 'ignore' });
    const bouncer = new PgBouncer(port, child, folder);
    for (const until = Date.now() + START_MS; !(await listens(port)); ) {
      if (Date.now() > until) throw new Error(`pgbouncer did not listen within ${START_MS} ms`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return bouncer;
  }

  /** SIGKILL: its clients and its sessions lose their connections. */
  async kill(): Promise<void> {
    process.off('exit', this.#abandon);
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  readonly #abandon = () => {
    this.#child.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  };
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => socket.destroy());
    socket.once('connect', () => socket.destroy());
  });
}
