/** The operating system's account that PostgreSQL runs under: the server refuses to run as root. */
import { spawnSync } from 'node:child_process';

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

const NAME = 'postgres'; // what every distribution calls it, so a later `apt install postgresql` finds its own account

/** `null` when our own account will do; as root the account `postgres`, created if the machine has none. */
export function serverAccount(): Account | null {
  if (process.getuid?.() !== 0) return null;
  const existing = lookUp();
  if (existing) return existing;
  const created = spawnSync('useradd', ['--system', '--user-group', '--home-dir', '/var/lib/postgresql', NAME], {
    encoding: 'utf8',
  });
  const account = lookUp(); // also when another process was faster
  if (account) return account;
  throw new Error(
    `PostgreSQL cannot run as root, and the account "${NAME}" could not be created: ${created.error?.message ?? created.stderr.trim()}. Run this as another user, or set DATABASE_URL.`,
  );
}

function lookUp(): Account | null {
  const [uid, gid] = ['-u', '-g'].map((flag) => spawnSync('id', [flag, NAME], { encoding: 'utf8' }));
  if (uid?.status !== 0 || gid?.status !== 0) return null;
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}
