/** One function in a Node.js process of its own, as an instance of it runs, and requests to it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders, request as send } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Deployment } from './platform-build.ts';

const LAUNCH = fileURLToPath(new URL('launch.mjs', import.meta.url));
/** The plan's default, which a function has that declares no duration. */
const DEFAULT_SECONDS = 300;
/** Far more than the slowest cold start on a busy machine. */
const START_MS = 60_000;

/** Costs of a process from its start to its end; `mb` is the most memory that it held. */
const cost = z.object({ cpuMs: z.number(), mb: z.number() });
export type Cost = Readonly<z.infer<typeof cost>>;

export interface Environment {
  /** The Node.js that runs the functions. */
  readonly node: string;
  /** The variables of the project's settings. Functions get nothing else. */
  readonly variables: Readonly<Record<string, string>>;
  /** A module that is loaded before the function. */
  readonly preload?: string;
}

export interface Instance {
  /** What it wrote to its log. */
  log(): string;
  /** Rejects with the log if the process ends before it answers. */
  ask(path: string, asked?: Asked): Promise<IncomingMessage>;
  stop(): Promise<Cost>;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: IncomingHttpHeaders | OutgoingHttpHeaders;
  readonly body?: string | Buffer;
}

/** Starts the process and answers at once: the first request waits until it listens. */
export function startFunction(deployment: Deployment, name: string, environment: Environment): Instance {
  const built = deployment.functions.find((one) => one.name === name);
  const folder = deployment.folders.get(name);
  if (built === undefined || folder === undefined)
    throw new Error(`expected ${deployment.commit} to have a function ${name}`);
  const { takesWebRequest, maxDuration } = built;
  const how = { handler: join(folder, built.handler), takesWebRequest, maxDuration: maxDuration ?? DEFAULT_SECONDS };
  const { node, preload, variables } = environment;
  const child = spawn(node, [...(preload ? ['--import', preload] : []), LAUNCH, JSON.stringify(how)], {
    cwd: folder,
    env: { PATH: process.env.PATH, NODE_ENV: 'production', VERCEL: '1', ...variables },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (part: string) => {
      log += part;
    });
  const ended = once(child, 'close');
  const told = createInterface({ input: child.stdio[3] as Readable })[Symbol.asyncIterator]();
  const port = told.next().then(async ({ value, done }) => {
    if (!done) return Number(value);
    const [code, signal] = await ended;
    throw new Error(`${name} ended with ${code ?? signal} before it listened:\n${log}`);
  });
  port.catch(() => undefined); // who asks is told
  return {
    log: () => log,
    async ask(path, { method = 'GET', headers = {}, body } = {}) {
      const request = send({
        host: '127.0.0.1',
        port: await port,
        path,
        method,
        headers: { ...headers },
        timeout: START_MS,
      });
      request.once('timeout', () =>
        request.destroy(new Error(`${name} gave no answer to ${path} within ${START_MS / 1_000} s:\n${log}`)),
      );
      request.end(body);
      const [answer] = await once(request, 'response');
      return answer;
    },
    async stop() {
      await port;
      child.kill('SIGTERM');
      const { value, done } = await told.next();
      await ended;
      if (done) throw new Error(`${name} ended without telling what it cost:\n${log}`);
      return cost.parse(JSON.parse(value));
    },
  };
}
