/** An app's own process: started in a group of its own, stopped so that what it runs can give back. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';

/** A program to run as the app. */
export interface Command {
  /** Default: Node.js itself. */
  readonly program?: string;
  readonly args: readonly string[];
  /** Runs the program by the system's shell, as npm runs scripts. The whole group then gets the signals, because shells pass none on. */
  readonly shell?: boolean;
  /** Added to this process's environment; undefined removes a variable. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Default: this process's. */
  readonly cwd?: string;
  /** The file descriptor that its output goes to; default: our own terminal. */
  readonly output?: number;
}

/** A running app. */
export interface App {
  /** Its exit code, once it ended; 1 if a signal ended it. Rejects if it cannot be started. */
  readonly exited: Promise<number>;
  /** SIGTERM, and after 15 s the hard way. Resolves when it is gone. */
  stop(): Promise<void>;
  /** At once, with everything that it started. */
  kill(): void;
}

/** A drain gives back in one statement and Next.js closes in a second; an app that needs longer holds a connection open for ever. */
const GRACE_MS = 15_000;

/** Starts the command in a process group of its own: a Ctrl-C in the terminal reaches this process, which passes it on in order. */
export function startApp({ program = process.execPath, args, shell = false, env, cwd, output }: Command): App {
  const child = spawn(program, args, {
    env: { ...process.env, ...env },
    ...(cwd !== undefined && { cwd }),
    shell,
    stdio: ['ignore', output ?? 'inherit', output ?? 'inherit'],
    detached: process.platform !== 'win32',
    windowsHide: true,
  });
  let isStopping = false;
  const exited = exitCode(child)
    .finally(() => (isStopping && shell ? groupEnds(child) : undefined)) // a shell dies of the signal before what it started has given back
    .finally(() => kill(child)); // a parent that crashed may leave children
  return {
    exited,
    async stop() {
      isStopping = true;
      if (process.platform === 'win32') return kill(child); // there is no SIGTERM to send
      if (shell) signalGroup(child, 'SIGTERM');
      else child.kill('SIGTERM');
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

/** Resolves once the process group is empty. It ends: `stop` kills the group after its grace. */
async function groupEnds({ pid }: ChildProcess): Promise<void> {
  for (let isThere = pid !== undefined; isThere; await wait(50)) {
    try {
      process.kill(-(pid as number), 0);
    } catch {
      isThere = false; // ESRCH: nobody is left; elsewhere EPERM, of processes that ended and were not asked for yet
    }
  }
}

function kill(child: ChildProcess): void {
  if (child.pid === undefined) return;
  if (process.platform === 'win32') spawnSync('taskkill', ['/pid', String(child.pid), '/t', '/f']);
  else signalGroup(child, 'SIGKILL');
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal); // the whole group
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // ESRCH: nobody is left
  }
}
