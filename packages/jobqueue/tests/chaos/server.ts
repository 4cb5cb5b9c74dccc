/**
 * The PostgreSQL of a world: its own, so that faults may stop it at any moment, and replace it by its standby. Commits survive that, and so do they
 * have to in this account.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { serverAccount } from '../../src/embedded/account.ts';
import { findBinaries } from '../../src/embedded/binaries.ts';
import { freePort } from '../../src/embedded/port.ts';
import { dataFolder, initialise, type Place, SUPERUSER, startServer, stopServer } from '../../src/embedded/server.ts';
import { copyAsStandby, keepInStep } from './standby.ts';

/** Every process of a world connects as this role, which owns the database and is no superuser. */
const ROLE = 'chaos';
const DATABASE = 'chaos';

/**
 * A commit that was confirmed outlives every stop of the server, as in production; the machine itself does not fail here, so that nothing has to
 * reach a disk. Few connections and little log, so that both can be exhausted.
 */
const SETTINGS = {
  fsync: 'off',
  full_page_writes: 'off',
  shared_buffers: '64MB',
  max_wal_size: '128MB',
  max_connections: 40,
};

/** The size of the file system of a world whose disk is to run full, MB: the server's files, and their copy while it has a standby. */
const DISK_MB = 900;

/** A stop in ms, of which a stuck one takes longer than any that was seen. */
const STOP_MS = 30_000;

/** Its files and its port. */
interface Site {
  readonly place: Place;
  readonly port: number;
}

export class ChaosServer {
  readonly #password: string;
  readonly #home: string;
  readonly #disk: string | null;
  #site: Site;
  #standby: Site | null = null;
  #standbys = 0;

  private constructor(site: Site, password: string, home: string, disk: string | null) {
    this.#site = site;
    this.#home = home;
    this.#password = password;
    this.#disk = disk;
  }

  /** Makes and starts one, with the role and the database of a world. `smallDisk`: on a file system of its own, which only root can mount. */
  static async start({
    smallDisk = false,
    bin,
  }: {
    smallDisk?: boolean;
    bin?: string | undefined;
  } = {}): Promise<ChaosServer> {
    const home = mkdtempSync(join(tmpdir(), 'jobqueue-chaos-'));
    const disk = smallDisk ? join(home, 'disk') : null;
    const account = serverAccount();
    if (disk) {
      mkdirSync(disk);
      const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m`, 'tmpfs', disk], {
        encoding: 'utf8',
      });
      if (status !== 0) throw new Error(`cannot mount a small disk: ${stderr.trim()}`);
    }
    mkdirSync(join(disk ?? home, 'server'));
    const folders = [home, ...(disk ? [disk] : []), join(disk ?? home, 'server')];
    if (account) for (const folder of folders) chownSync(folder, account.uid, account.gid);
    const binaries = findBinaries({ ...(bin && { bin }), account, copyTo: join(home, 'postgresql') });
    const password = randomBytes(16).toString('hex');
    const place = { home: join(disk ?? home, 'server'), account, binaries };
    const server = new ChaosServer({ place, port: await freePort() }, password, home, disk);
    process.once('exit', server.#abandon); // should the run be broken off
    try {
      // A clear-text check: a hashed one costs each of thousands of connections several milliseconds.
      await initialise(server.place, { password, flags: ['--auth=password', '--no-sync'] });
      await server.begin();
      await server.ask(`create role ${ROLE} login password '${password}'`, 'postgres');
      await server.ask(`create database ${DATABASE} owner ${ROLE}`, 'postgres');
    } catch (error) {
      server.#abandon();
      throw error;
    }
    return server;
  }

  get place(): Place {
    return this.#site.place;
  }

  get port(): number {
    return this.#site.port;
  }

  /** The file system of a small disk. */
  get disk(): string | null {
    return this.#disk;
  }

  /** The URL for the role of a world, at this port or at another that leads to it. */
  url(port = this.port): string {
    return `postgres://${ROLE}:${this.#password}@127.0.0.1:${port}/${DATABASE}`;
  }

  /** Starts it again on the same port. */
  async begin(): Promise<void> {
    await startServer(this.place, { ...SETTINGS, port: this.port });
  }

  /** `immediate`: as if it crashed, its sessions with it. `fast`: sessions are ended, then a checkpoint. */
  async halt(how: 'immediate' | 'fast'): Promise<void> {
    const note = join(dataFolder(this.place), 'postmaster.pid');
    if (!existsSync(note)) return;
    if (!signal(pidIn(note), how === 'immediate' ? 'SIGQUIT' : 'SIGINT')) return;
    for (const until = Date.now() + STOP_MS; existsSync(note); ) {
      if (Date.now() > until) throw new Error(`the server did not stop (${how}) within ${STOP_MS} ms`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Starts a standby, which from then on has applied each commit before the server confirms it. Answers its port, where it answers reads. */
  async startStandby(): Promise<number> {
    const home = join(this.#disk ?? this.#home, `standby-${++this.#standbys}`);
    const standby = { place: { ...this.place, home }, port: await freePort() };
    this.#standby = standby;
    await copyAsStandby(this.#superuserUrl('postgres'), this.place, standby.place);
    await startServer(standby.place, { ...SETTINGS, port: standby.port });
    await keepInStep((text) => this.ask(text));
    return standby.port;
  }

  /** Makes the standby the server, which has been halted and never comes back. */
  async promoteStandby(): Promise<void> {
    if (this.#standby === null) throw new Error('expected a standby to promote');
    const { home } = this.place;
    this.#site = this.#standby;
    this.#standby = null;
    await this.ask('select pg_promote()', 'postgres');
    rmSync(home, { recursive: true, force: true });
  }

  /** A statement of the superuser, on a connection of its own. */
  async ask<Row extends object>(text: string, database = DATABASE): Promise<Row[]> {
    const client = new pg.Client(this.#superuserUrl(database));
    client.on('error', () => undefined); // a stop in between: the statement rejects
    await client.connect();
    try {
      const { rows } = await client.query(text);
      return rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    process.off('exit', this.#abandon);
    for (const { place } of this.#sites) await stopServer(place);
    this.#remove();
  }

  readonly #abandon = () => {
    for (const { place } of this.#sites) {
      const note = join(dataFolder(place), 'postmaster.pid');
      if (existsSync(note)) signal(pidIn(note), 'SIGQUIT');
    }
    this.#remove();
  };

  /** The standby first: a server that stops waits for it. */
  get #sites(): readonly Site[] {
    return this.#standby ? [this.#standby, this.#site] : [this.#site];
  }

  #superuserUrl(database: string): string {
    return `postgres://${SUPERUSER}:${this.#password}@127.0.0.1:${this.port}/${database}`;
  }

  #remove(): void {
    if (this.#disk) spawnSync('umount', ['--lazy', this.#disk]); // its last process may still be ending
    rmSync(this.#home, { recursive: true, force: true });
  }
}

function pidIn(note: string): number {
  return Number(readFileSync(note, 'utf8').split('\n')[0]);
}

/** False: the process has died, and could not take its note away. */
function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    return false;
  }
}
