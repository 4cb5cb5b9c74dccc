/** The Next.js process: started on a port of our choice, stopped so that what it runs can give back. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';

export interface Command {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The file descriptor that its output goes to; default: our own terminal. */
  readonly output?: number;
}

export interface App {
  /** Its exit code, once it ended; 1 if a signal ended it. */
  readonly exited: Promise<number>;
  /** SIGTERM, and after a while the hard way. Resolves when it is gone. */
  stop(): Promise<void>;
  /** At once, with everything that it started. */
  kill(): void;
}

/** A drain gives back in one statement and Next.js closes in a second; whoever needs longer holds a connection open for ever. */
const GRACE_MS = 15_000;

/** Starts `node …args` in a process group of its own: a Ctrl-C in the terminal reaches us, and we pass it on in order. */
export function startApp({ args, env, output }: Command): App {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', output ?? 'inherit', output ?? 'inherit'],
    detached: process.platform !== 'win32',
    windowsHide: true,
  });
  const exited = exitCode(child).finally(() => kill(child)); // a parent that crashed may leave children
  return {
    exited,
    async stop() {
      if (process.platform === 'win32') return kill(child); // there is no SIGTERM to send
      child.kill('SIGTERM');
      const timer = setTimeout(() => kill(child), GRACE_MS);
      await exited;
      clearTimeout(timer);
    },
    kill: () => kill(child),
  };
}

/** Resolves to true when anything at all answers `url`, to false when `end` fires before that. */
export async function untilAnswers(url: URL, end: AbortSignal): Promise<boolean> {
  while (!end.aborted) {
    const answered = await new Promise<boolean>((resolve) => {
      get(url, { agent: false, signal: end }, (response) => {
        response.resume();
        resolve(true);
      }).once('error', () => resolve(false));
    });
    if (answered) return true;
    await wait(200);
  }
  return false;
}

async function exitCode(child: ChildProcess): Promise<number> {
  const [code] = await once(child, 'exit');
  return code ?? 1;
}

function kill({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  if (process.platform === 'win32') {
    spawnSync('taskkill', ['/pid', String(pid), '/t', '/f']);
    return;
  }
  try {
    process.kill(-pid, 'SIGKILL'); // the whole group
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // ESRCH: nobody is left
  }
}
