/** Builds a commit with the platform's own command line, without an account, in a clone of it in the temporary folder. Cached by commit. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type BuildOutput, readBuildOutput } from './build-output.ts';

/** The newest whose dependencies can be installed. */
const CLI = 'vercel@60.1.3';
/** The runtime that the platform gives the functions, `nodejs24.x`. */
const NODE = 'node@24.9.0';
const HOME = join(tmpdir(), 'jobqueue-deploy');

export interface Deployment extends BuildOutput {
  readonly commit: string;
  /** The sources, with what they need installed: their migrations belong to their functions. */
  readonly checkout: string;
  /** Each function alone in a folder, away from the checkout, so that nothing is found which is not deployed. */
  readonly folders: ReadonlyMap<string, string>;
}

/**
 * What the platform would deploy of `revision`. With `endpoints` only those, without Next.js' pages: older builds ran the whole build once for
 * each function. The first call for a commit installs and builds for minutes; later ones answer what it left in the temporary folder.
 */
export async function buildForPlatform(revision: string, endpoints?: readonly string[]): Promise<Deployment> {
  const commit = (await output('git', ['rev-parse', '--short=12', `${revision}^{commit}`])).trim();
  const home = join(HOME, endpoints ? `${commit}-endpoints` : commit);
  const checkout = join(home, 'checkout');
  const alone = join(home, 'functions');
  const done = join(home, 'done');
  if (!existsSync(done)) {
    await rm(home, { recursive: true, force: true });
    await run('git', ['clone', '--quiet', '--local', '--no-checkout', '.', checkout]);
    await run('git', ['checkout', '--quiet', '--detach', commit], { cwd: checkout });
    await run('npm', ['ci', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'], { cwd: checkout });
    if (endpoints) await leaveOutPages(checkout, endpoints);
    await build(checkout);
  }
  const built = readBuildOutput(checkout);
  const folders = new Map(built.functions.map(({ name }, index) => [name, join(alone, `${index}`)]));
  if (!existsSync(done)) {
    for (const { name, files } of built.functions)
      for (const { path, source } of files) {
        const to = join(folders.get(name) as string, path);
        await mkdir(dirname(to), { recursive: true });
        await cp(source, to, { verbatimSymlinks: true });
      }
    await writeFile(done, '');
  }
  return { ...built, commit, checkout, folders };
}

/** The Node.js of the platform's major version, which may be newer than the one that runs this. */
export async function platformNode(): Promise<string> {
  return (await output('npm', ['exec', '--yes', '--package', NODE, '--', 'node', '-p', 'process.execPath'])).trim();
}

/** The platform's older way to name what is built. A script that builds all pages before each function is left out. */
async function leaveOutPages(checkout: string, endpoints: readonly string[]): Promise<void> {
  const builds = endpoints.map((name) => ({ src: `${name}.ts`, use: '@vercel/node' }));
  await writeFile(join(checkout, 'vercel.json'), JSON.stringify({ builds }));
  const manifest = JSON.parse(await readFile(join(checkout, 'package.json'), 'utf8'));
  if (/\bnext build\b/.test(manifest.scripts['vercel-build'])) manifest.scripts['vercel-build'] = 'true';
  await writeFile(join(checkout, 'package.json'), JSON.stringify(manifest));
}

async function build(checkout: string): Promise<void> {
  // A project that exists nowhere: with it the build asks nobody. What it would install is installed.
  const settings = { framework: 'nextjs', nodeVersion: '24.x', installCommand: 'true' };
  const project = { projectId: 'prj_none', orgId: 'team_none', settings };
  await mkdir(join(checkout, '.vercel'));
  await writeFile(join(checkout, '.vercel/project.json'), JSON.stringify(project));
  // Of a test runner's NODE_ENV an install and a build would make something else.
  const inherited = Object.entries(process.env).filter(([name]) => !/^(DATABASE_URL.*|NODE_ENV|VITEST.*)$/.test(name));
  const off = { VERCEL_TELEMETRY_DISABLED: '1', NEXT_TELEMETRY_DISABLED: '1', JOBQUEUE_BUILD_SKIPS_TYPES: '1' };
  const command = ['vercel', 'build', '--prod', '--yes', '--token', 'none'];
  await run('npm', ['exec', '--yes', '--package', CLI, '--', ...command], {
    cwd: checkout,
    env: { ...Object.fromEntries(inherited), ...off, CI: '1' } as unknown as NodeJS.ProcessEnv,
  });
}

interface Where {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Shows what the command says on standard error: standard output is the table's. */
export async function run(command: string, args: readonly string[], where: Where = {}): Promise<void> {
  const child = spawn(command, args, { ...where, stdio: ['ignore', 2, 2] });
  await ended(child, `${command} ${args.join(' ')}`);
}

async function output(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 2] });
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  await ended(child, command);
  return text;
}

function ended(child: ReturnType<typeof spawn>, what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`${what} ended with ${code}`))));
  });
}
