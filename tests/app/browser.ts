/** Builds and starts the app, and meets it as a browser does: fetch the page, find the form, send its hidden fields and Origin. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { inject } from 'vitest';

const NEXT = createRequire(import.meta.url).resolve('next/dist/bin/next');

export interface RunningApp {
  readonly url: string;
  stop(): Promise<void>;
}

/** Builds the app once a run, whichever test file asks first: two builds at a time would spoil each other. */
export async function buildApp(): Promise<void> {
  const folder = join(inject('runFolder'), 'build');
  const ended = join(folder, 'ended');
  const isFirst = await mkdir(folder).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
      return false;
    },
  );
  if (isFirst) return build().finally(() => writeFile(ended, ''));
  while (!existsSync(ended)) await wait(200);
}

async function build(): Promise<void> {
  const next = run(['build'], { JOBQUEUE_BUILD_SKIPS_TYPES: '1' });
  const output = collect(next);
  const [code] = await once(next, 'close');
  if (code !== 0) throw new Error(`next build exited with ${code}:\n${output()}`);
}

export async function startApp(env: Readonly<Record<string, string>>): Promise<RunningApp> {
  const server = run(['start', '--port', '0', '--hostname', '127.0.0.1'], env);
  const output = collect(server);
  const url = await new Promise<string>((resolve, reject) => {
    server.once('close', (code) => reject(new Error(`next start exited with ${code}:\n${output()}`)));
    server.stdout?.on('data', () => {
      const [address] = /http:\/\/127\.0\.0\.1:\d+/.exec(output()) ?? [];
      if (address && output().includes('Ready')) resolve(address);
    });
  });
  return {
    url,
    async stop() {
      if (server.exitCode !== null) return;
      server.kill('SIGTERM');
      await once(server, 'exit');
    },
  };
}

/** A build as production makes it, whatever the test run has in its environment. */
function run(args: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
  const { PATH, HOME } = process.env;
  return spawn(process.execPath, [NEXT, ...args], {
    env: { PATH, HOME, NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1', ...env } as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function collect(child: ChildProcess): () => string {
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk) => {
      output += chunk;
    });
  return () => output;
}

export interface Browser {
  get(path: string): Promise<Response>;
  /** The hidden fields of the form whose button says `button`. */
  form(path: string, button: string): Promise<FormData>;
  post(path: string, form: FormData, headers?: Record<string, string>): Promise<Response>;
  /** Fetches the page and sends its form; `headers` replaces the Origin that a browser would send. */
  submit(path: string, button: string, options?: SubmitOptions): Promise<Response>;
  signIn(secret: string, name?: string): Promise<Response>;
}

interface SubmitOptions {
  readonly fields?: Readonly<Record<string, string | File>>;
  readonly headers?: Record<string, string>;
}

/** A browser with its own cookies; `signIn` makes it somebody's. */
export function openBrowser(url: string): Browser {
  const jar = new Map<string, string>();
  const own = { origin: new URL(url).origin };
  const ask = async (path: string, init: RequestInit & { headers?: Record<string, string> } = {}) => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...init.headers, ...(cookie && { cookie }) };
    const response = await fetch(new URL(path, url), { ...init, headers, redirect: 'manual' });
    for (const set of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      if (value === '') jar.delete(name);
      else jar.set(name, value);
    }
    return response;
  };
  const browser: Browser = {
    get: (path) => ask(path),
    async form(path, button) {
      const page = await browser.get(path);
      return hiddenFields(await page.text(), button);
    },
    post: (path, body, headers = own) => ask(path, { method: 'POST', body, headers }),
    async submit(path, button, { fields = {}, headers = own } = {}) {
      const form = await browser.form(path, button);
      for (const [name, value] of Object.entries(fields)) form.set(name, value);
      return browser.post(path, form, headers);
    },
    signIn: (secret, name = 'ann') => browser.submit('/login', 'Sign in', { fields: { name, secret } }),
  };
  return browser;
}

function hiddenFields(html: string, button: string): FormData {
  const named = [`>${button}</button>`, `aria-label="${button}"`];
  const form = html.split('<form').find((part) => named.some((name) => part.split('</form>')[0]?.includes(name)));
  if (form === undefined) throw new Error(`the page has no form with the button '${button}'`);
  const fields = new FormData();
  for (const [input] of form.split('</form>')[0]?.matchAll(/<input\b[^>]*type="hidden"[^>]*>/g) ?? [])
    fields.set(attribute(input, 'name'), attribute(input, 'value'));
  return fields;
}

function attribute(tag: string, name: string): string {
  const [, value = ''] = new RegExp(`\\b${name}="([^"]*)"`).exec(tag) ?? [];
  return value.replaceAll('&quot;', '"').replaceAll('&#x27;', "'").replaceAll('&amp;', '&');
}
