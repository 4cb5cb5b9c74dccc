/** `.data/postgres.json`: folders, password and port of the embedded server. Mode 600. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Account } from './account.ts';

export interface State {
  /** Absolute. Below `.data`, or in the temporary folder where the server's account cannot reach that. */
  readonly home: string;
  readonly password: string;
  /** Taken again if it is free, so that bookmarks and `psql` histories stay true. */
  readonly port?: number | undefined;
  /** The process that has to stop the server. Once it is gone, the next one that finds the server running takes over. */
  readonly owner?: number | undefined;
}

/** The state of `folder`, made once. Of two processes that make it at once, both get the same. */
export function openState(folder: string, account: Account | null): State {
  mkdirSync(folder, { recursive: true });
  return read(folder) ?? create(folder, account);
}

/** Replaces the state in one go: a reader never sees half a file. */
export function saveState(folder: string, state: State): void {
  renameSync(writeAside(folder, state), file(folder));
}

const file = (folder: string) => join(folder, 'postgres.json');

function read(folder: string): State | null {
  if (!existsSync(file(folder))) return null;
  const state: unknown = JSON.parse(readFileSync(file(folder), 'utf8'));
  if (!isState(state)) throw new TypeError(`expected ${file(folder)} to hold home, password, port and owner`);
  if (existsSync(state.home)) return state;
  rmSync(file(folder)); // the system cleaned its temporary folder: begin anew
  return null;
}

function isState(value: unknown): value is State {
  if (typeof value !== 'object' || value === null) return false;
  const { home, password, port = 0, owner = 0 } = value as { readonly [Key in keyof State]?: unknown };
  return (
    typeof home === 'string' && typeof password === 'string' && typeof port === 'number' && typeof owner === 'number'
  );
}

function create(folder: string, account: Account | null): State {
  const state = { home: makeHome(folder, account), password: randomBytes(24).toString('hex') };
  const aside = writeAside(folder, state);
  try {
    linkSync(aside, file(folder)); // unlike a rename this fails if another process was faster
    return state;
  } catch (error) {
    const theirs = read(folder);
    if (!theirs) throw error;
    return theirs;
  } finally {
    rmSync(aside);
  }
}

function writeAside(folder: string, state: State): string {
  const path = join(folder, `postgres-${process.pid}-${randomBytes(4).toString('hex')}.json`);
  writeFileSync(path, JSON.stringify(state, null, 2), { mode: 0o600 });
  return path;
}

/** A folder that the server's account can write to: ours, or below a folder closed to it (a root's home) a temporary one. */
function makeHome(folder: string, account: Account | null): string {
  const home = join(folder, 'postgres');
  mkdirSync(home, { recursive: true, mode: 0o700 });
  if (account === null) return home;
  chownSync(home, account.uid, account.gid);
  if (spawnSync('test', ['-w', home], { ...account, cwd: '/' }).status === 0) return home;
  const elsewhere = mkdtempSync(join(tmpdir(), 'jobqueue-postgres-'));
  chownSync(elsewhere, account.uid, account.gid);
  return elsewhere;
}
