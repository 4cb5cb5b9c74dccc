/** `jobqueue init`: the queue into an existing Next.js app. Says what it would do, asks, and overwrites no file. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Argument, Command } from 'commander';
import { agree, isAgreed, isTerminal } from '../ask.ts';
import { Failure } from '../failure.ts';
import { CONSOLE_PACKAGE, packageSpec } from '../init/package-manager.ts';
import { type InitPlan, planInit } from '../init/plan.ts';
import { confirmed } from '../options.ts';
import { note, print, printJson } from '../output.ts';

interface Options {
  readonly yes?: true;
  readonly json?: true;
  readonly plan?: true;
  readonly package?: string;
  /** Commander makes it of `--console` and `--no-console`. */
  readonly console?: boolean;
  readonly consolePackage?: string;
  /** Commander makes it of `--no-install`. */
  readonly install: boolean;
}

export function initCommand(): Command {
  return confirmed(new Command('init'))
    .description(
      'add the queue to an existing Next.js app: the package, a queue with an example job, the cron route, a cron entry, the console',
    )
    .addArgument(new Argument('[folder]', 'of the app').default('.', 'this one'))
    .option('--plan', 'show what would be done, change nothing')
    .option('--package <spec>', 'install this instead: a version of the package, or a tarball')
    .option('--console', "add the console's page and its package; default: the page if the package is installed")
    .option('--no-console', 'add no page of the console')
    .option('--console-package <spec>', 'install this as the console instead: a version of its package, or a tarball')
    .option('--no-install', 'install nothing, say what is missing')
    .option('--json', 'one JSON document on stdout')
    .addHelpText(
      'after',
      `
What it writes is the app's own. A second run adds what is missing and overwrites nothing. Afterwards:

  $ npx jobqueue migrate`,
    )
    .action(async (given: string, options: Options, command: Command) => {
      const folder = resolve(given);
      const version = command.parent?.version() ?? '0.0.0';
      const specs = {
        queue: packageSpec(options.package, version),
        console: packageSpec(options.consolePackage, version, CONSOLE_PACKAGE),
      };
      const planFor = (console: boolean | null) =>
        planInit(folder, { specs, console, agent: process.env.npm_config_user_agent });
      const plan = planFor(options.console ?? (await wantsConsole(planFor(null), options)));
      if (!options.json) tell(plan, options);
      if (options.plan) return options.json ? printJson(summary(plan, { written: [], installed: false })) : undefined;
      const written = await write(folder, plan, options);
      const installed = await install(folder, plan, options);
      if (options.json) return printJson(summary(plan, { written, installed }));
      if (written.length === 0 && !installed) return print('Everything is in place already.');
      print(
        `${written.length} files written. Next: set the variables of .env.example in .env.local, then npx jobqueue migrate`,
      );
    });
}

/** Null: the installed packages decide. It is asked where somebody sits, and only while the app has no queue yet. */
async function wantsConsole({ hasConsole, kept }: InitPlan, { yes, json, plan }: Options): Promise<boolean | null> {
  const isAsked = !hasConsole && kept.length === 0 && !yes && !json && !plan && isTerminal();
  return isAsked ? isAgreed('Add the console, a page at /jobqueue with what the queue does?', {}) : null;
}

/** Resolves to the paths that were written. */
async function write(folder: string, { fresh, edits }: InitPlan, { yes }: Options): Promise<string[]> {
  const written: string[] = [];
  const put = (path: string, text: string) => {
    putWhole(join(folder, path), text);
    written.push(path);
  };
  if (fresh.length > 0) {
    await agree(`Write ${fresh.length} new files?`, { yes });
    for (const { path, text } of fresh) put(path, text);
  }
  for (const { path, text, isNew, does } of edits) {
    if (does.length === 0) continue;
    if (await isAgreed(`${isNew ? 'Write' : 'Change'} ${path}? It ${does.join(', ')}.`, { yes })) put(path, text);
    else note(`${path} was left alone: it still needs what was asked`);
  }
  return written;
}

/** Resolves to whether something was installed. */
async function install(
  folder: string,
  { packages: { manager, missing } }: InitPlan,
  options: Options,
): Promise<boolean> {
  if (missing.length === 0 || !options.install) return false;
  const args = [manager === 'npm' ? 'install' : 'add', ...missing];
  const command = `${manager} ${args.join(' ')}`;
  if (!(await isAgreed(`Run ${command}?`, { yes: options.yes }))) {
    note(`nothing was installed: the queue still needs ${command}`);
    return false;
  }
  // Its output is for people: stdout carries our own result. On Windows the managers are scripts, which only a shell starts.
  const { status, error } = spawnSync(manager, args, {
    cwd: folder,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (status !== 0)
    throw new Failure(
      `the files are written, but ${command} ended with ${error?.message ?? status}: run it in ${folder}, then npx jobqueue migrate`,
    );
  return true;
}

/** Whole or not at all. */
function putWhole(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.${process.pid}`, text);
  renameSync(`${path}.${process.pid}`, path);
}

function tell({ fresh, kept, edits, packages, byHand }: InitPlan, { install: installs }: Options): void {
  for (const { path } of fresh) note(`new: ${path}`);
  for (const path of kept) note(`kept: ${path}`);
  for (const { path, isNew, does } of edits)
    if (does.length > 0) note(`${isNew ? 'new' : 'changes'}: ${path} (${does.join(', ')})`);
  if (packages.missing.length > 0)
    note(`${installs ? 'installs' : 'missing'}: ${packages.missing.join(', ')} (${packages.manager})`);
  for (const line of byHand) note(`by hand: ${line}`);
}

function summary(
  { fresh, kept, edits, packages, byHand }: InitPlan,
  done: { readonly written: readonly string[]; readonly installed: boolean },
): object {
  return {
    new: fresh.map(({ path }) => path),
    kept,
    edits: edits.map(({ path, does }) => ({ path, does })).filter(({ does }) => does.length > 0),
    packages,
    byHand,
    ...done,
  };
}
