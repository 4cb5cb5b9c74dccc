/** Programs in a fresh app's folder, with a newcomer's environment: nothing of this repository, its tests or its secrets. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Variables that npm itself needs: the source of packages. Its other variables name this repository. */
const KEPT =
  /^(home|userprofile|tmpdir|temp|lang|systemroot|comspec|npm_config_(registry|cache|userconfig|globalconfig|proxy|https_proxy|noproxy|cafile)|(https?|no|all)_proxy|node_extra_ca_certs|ssl_cert_(file|dir))$/i;

function newcomersEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => KEPT.test(name));
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'));
  return {
    ...Object.fromEntries(kept),
    PATH: path.join(delimiter),
    NEXT_TELEMETRY_DISABLED: '1',
    NEXT_FONT_GOOGLE_MOCKED_RESPONSES: fileURLToPath(new URL('fonts.cjs', import.meta.url)),
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_prefer_offline: 'true',
    npm_config_update_notifier: 'false',
  } as unknown as NodeJS.ProcessEnv;
}

export interface Ended {
  readonly stdout: string;
  readonly stderr: string;
}

/** A build on a machine whose processors are taken; what takes longer hangs. */
const MOST_MS = 600_000;

/** Rejects with all that it printed unless it ends with 0. */
export async function run(
  folder: string,
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const { child, printed } = begin(folder, command, env);
  const stuck = setTimeout(() => kill(child), MOST_MS);
  const [code, signal] = await once(child, 'close');
  clearTimeout(stuck);
  const { stdout, stderr } = printed();
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code ?? signal}\n${stdout}\n${stderr}`);
  return { stdout, stderr };
}

export interface Server {
  readonly url: string;
  printed(): Ended;
  stop(): Promise<void>;
}

/** Resolves when it answers. Rejects with all that it printed if it ends before. */
export async function serve(
  folder: string,
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  port: number,
): Promise<Server> {
  const { child, printed } = begin(folder, [...command, '--port', String(port)], env);
  const ended = once(child, 'close');
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', () => /Ready in/.test(printed().stdout) && resolve());
    child.once('close', () => reject(new Error(`the server ended: ${printed().stdout}\n${printed().stderr}`)));
  });
  return {
    url: `http://127.0.0.1:${port}`,
    printed,
    async stop() {
      kill(child);
      await ended;
    },
  };
}

function begin(folder: string, [program = '', ...args]: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn(program, args, {
    cwd: folder,
    env: { ...newcomersEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a group of its own: npm and Next.js start further processes
  });
  // Linux gives each session a share of the processors, whatever its priority: one that begins another keeps that of this process.
  const share = `/proc/${child.pid}/autogroup`;
  if (getPriority() > 0 && existsSync(share)) writeFileSync(share, String(getPriority()));
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  return { child, printed: () => ({ stdout, stderr }) };
}

function kill({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL');
}
