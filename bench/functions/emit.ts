/** Builds a commit with the platform's command line and lays out each function alone, as it is deployed. Cached by commit. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { z } from 'zod';

/** The newest whose dependencies can be installed. */
const CLI = 'vercel@60.1.3';
const HOME = join(tmpdir(), 'jobqueue-functions');

export interface EmittedFunction {
  /** Its path without `.func`, such as `api/cron/drain`. */
  readonly name: string;
  /** The file that the platform loads. */
  readonly handler: string;
  readonly isOfNext: boolean;
  readonly maxDuration: number | null;
  readonly files: number;
  readonly bytes: number;
}

export interface Emitted {
  readonly commit: string;
  /** The sources, with what they need installed: their migrations belong to their functions. */
  readonly checkout: string;
  readonly functions: readonly EmittedFunction[];
}

/**
 * The functions of `revision`. With `endpoints` only those, without Next.js' pages: older builds ran the whole build once for each function.
 * The first call for a commit installs and builds for minutes; later ones answer what it left in the temporary folder.
 */
export async function emit(revision: string, endpoints?: readonly string[]): Promise<Emitted> {
  const commit = (await output('git', ['rev-parse', '--short=12', `${revision}^{commit}`])).trim();
  const home = join(HOME, endpoints ? `${commit}-endpoints` : commit);
  const checkout = join(home, 'checkout');
  const built = join(home, 'functions.json');
  if (!existsSync(built)) {
    await rm(home, { recursive: true, force: true });
    await run('git', ['clone', '--quiet', '--local', '--no-checkout', '.', checkout]);
    await run('git', ['checkout', '--quiet', '--detach', commit], { cwd: checkout });
    await run('npm', ['ci', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'], { cwd: checkout });
    if (endpoints) await leaveOutPages(checkout, endpoints);
    await build(checkout);
    await writeFile(built, JSON.stringify(await layOut(checkout, join(home, 'functions'))));
  }
  const functions: EmittedFunction[] = JSON.parse(await readFile(built, 'utf8'));
  return { commit, checkout, functions };
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
  const cli = join(HOME, CLI);
  if (!existsSync(join(cli, 'node_modules/.bin/vercel'))) {
    await mkdir(cli, { recursive: true });
    await writeFile(join(cli, 'package.json'), '{"private":true}');
    await run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', CLI], { cwd: cli });
  }
  // A project that exists nowhere: with it the build asks nobody. What it would install is installed.
  const settings = { framework: 'nextjs', nodeVersion: '24.x', installCommand: 'true' };
  await mkdir(join(checkout, '.vercel'));
  const project = { projectId: 'prj_none', orgId: 'team_none', settings };
  await writeFile(join(checkout, '.vercel/project.json'), JSON.stringify(project));
  const { DATABASE_URL: _, DATABASE_URL_UNPOOLED: __, ...inherited } = process.env;
  const off = { VERCEL_TELEMETRY_DISABLED: '1', NEXT_TELEMETRY_DISABLED: '1', JOBQUEUE_BUILD_SKIPS_TYPES: '1' };
  await run(join(cli, 'node_modules/.bin/vercel'), ['build', '--prod', '--yes', '--token', 'none'], {
    cwd: checkout,
    env: { ...inherited, ...off, CI: '1' },
  });
}

const config = z.object({
  handler: z.string(),
  maxDuration: z.number().optional(),
  /** Files that the function takes from the checkout: path in the function, path in the checkout. */
  filePathMap: z.record(z.string(), z.string()).default({}),
});

/** One folder a function, away from the checkout, so that nothing is found which is not deployed. Links are further paths of one function. */
async function layOut(checkout: string, to: string): Promise<EmittedFunction[]> {
  const from = join(checkout, '.vercel/output/functions');
  const found = await readdir(from, { recursive: true, withFileTypes: true });
  const folders = found
    .filter((entry) => entry.isDirectory() && entry.name.endsWith('.func'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const functions: EmittedFunction[] = [];
  for (const folder of folders) {
    const name = relative(from, folder).replace(/(\.tsx?)?\.func$/, '');
    const alone = join(to, `${functions.length}`);
    const {
      handler,
      maxDuration = null,
      filePathMap,
    } = config.parse(JSON.parse(await readFile(join(folder, '.vc-config.json'), 'utf8')));
    await cp(folder, alone, { recursive: true, verbatimSymlinks: true });
    for (const [path, source] of Object.entries(filePathMap)) {
      await mkdir(dirname(join(alone, path)), { recursive: true });
      await cp(join(checkout, source), join(alone, path), { recursive: true, verbatimSymlinks: true });
    }
    const isOfNext = handler.startsWith('___next');
    functions.push({ name, handler: join(alone, handler), isOfNext, maxDuration, ...(await sizeOf(alone)) });
  }
  return functions;
}

async function sizeOf(folder: string): Promise<{ files: number; bytes: number }> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name !== '.vc-config.json');
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(file.parentPath, file.name))).size));
  return { files: files.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
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
