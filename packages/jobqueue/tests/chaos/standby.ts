/**
 * A hot standby of a world's server, by PostgreSQL's own interface for backups: the programs of the npm package have no pg_basebackup. While it
 * follows, the server confirms no commit that the standby has not applied, as managed databases promise it for their failovers.
 */
import { appendFile, chown, copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { Account } from '../../src/embedded/account.ts';
import { dataFolder, type Place } from '../../src/embedded/server.ts';

/** The name under which it follows. */
const NAME = 'standby';
/** A copy of a small database and its log, tenfold. */
const FOLLOWS_MS = 60_000;
/** Folders whose files mean nothing to another server, and those of the log, which the standby fetches. */
const LEFT_EMPTY = new Set([
  'pg_dynshmem',
  'pg_notify',
  'pg_replslot',
  'pg_serial',
  'pg_snapshots',
  'pg_stat_tmp',
  'pg_subtrans',
  'pg_wal',
]);
const LEFT_OUT = new Set(['postmaster.pid', 'postmaster.opts']);

/** Copies the data of a running server to `place`, to be started there as its standby. `url`: of the server's superuser. */
export async function copyAsStandby(url: string, server: Place, place: Place): Promise<void> {
  const { account } = place;
  const data = dataFolder(place);
  await makeFolder(place.home, account);
  const client = new pg.Client(url);
  await client.connect();
  try {
    // The server keeps its log from here on.
    await client.query('select pg_create_physical_replication_slot($1, immediately_reserve => true)', [NAME]);
    await client.query('select pg_backup_start($1, fast => true)', [NAME]);
    await copyFolder(dataFolder(server), data, account);
    const { rows } = await client.query('select labelfile from pg_backup_stop(wait_for_archive => false)');
    await makeFile(join(data, 'backup_label'), rows[0].labelfile, account);
  } finally {
    await client.end();
  }
  await makeFile(join(data, 'standby.signal'), '', account);
  const { hostname, port, username, password } = new URL(url);
  const way = `host=${hostname} port=${port} user=${username} password=${password} application_name=${NAME}`;
  // The last line of a name counts.
  await appendFile(join(data, 'postgresql.auto.conf'), `primary_conninfo = '${way}'\nprimary_slot_name = '${NAME}'\n`);
}

/** At its end the standby has applied every commit that the server has confirmed, and from then on before the server confirms it. */
export async function keepInStep(ask: <Row extends object>(text: string) => Promise<Row[]>): Promise<void> {
  await ask(`alter system set synchronous_standby_names = '${NAME}'`);
  await ask('alter system set synchronous_commit = remote_apply');
  await ask('select pg_reload_conf()');
  const isInStep = "select from pg_stat_replication where state = 'streaming' and sync_state = 'sync'";
  await until('follows', async () => (await ask(isInStep)).length === 1);
  const [now] = await ask<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn');
  const hasApplied = `select from pg_stat_replication where replay_lsn >= '${now?.lsn}'`;
  await until('has applied what was confirmed before', async () => (await ask(hasApplied)).length === 1);
}

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + FOLLOWS_MS; !(await isTrue()); ) {
    if (Date.now() > end) throw new Error(`expected that the standby ${what} within ${FOLLOWS_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function copyFolder(from: string, to: string, account: Account | null): Promise<void> {
  await makeFolder(to, account);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, copy] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isFile() && !LEFT_OUT.has(entry.name)) await copyIfThere(source, copy, account);
    else if (entry.isDirectory() && LEFT_EMPTY.has(entry.name)) await makeFolder(copy, account);
    else if (entry.isDirectory()) await copyFolder(source, copy, account);
  }
}

/** The server removes files while they are copied, and its log says so. */
async function copyIfThere(from: string, to: string, account: Account | null): Promise<void> {
  try {
    await copyFile(from, to);
    if (account) await chown(to, account.uid, account.gid);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

async function makeFolder(path: string, account: Account | null): Promise<void> {
  await mkdir(path, { mode: 0o700 });
  if (account) await chown(path, account.uid, account.gid);
}

async function makeFile(path: string, content: string, account: Account | null): Promise<void> {
  await writeFile(path, content, { mode: 0o600 });
  if (account) await chown(path, account.uid, account.gid);
}
