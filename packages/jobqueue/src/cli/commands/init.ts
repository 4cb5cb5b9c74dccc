/** `jobqueue init`: the queue into an existing Next.js app. Says what it would do, asks, and overwrites nothing that is not its own. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Argument, Command } from 'commander';
import { agree, isAgreed } from '../ask.ts';
import { Failure } from '../failure.ts';
import { type InitPlan, type PlannedFile, planInit } from '../init/plan.ts';
import { confirmed } from '../options.ts';
import { note, print, printJson } from '../output.ts';

interface Options {
  readonly yes?: true;
  readonly json?: true;
  readonly plan?: true;
}

export function initCommand(): Command {
  return confirmed(new Command('init'))
    .description(
      'add the queue to an existing Next.js app: its code and migrations, a cron entry, the route, an example',
    )
    .addArgument(new Argument('[folder]', 'of the app').default('.', 'this one'))
    .option('--plan', 'show what would be written, write nothing')
    .option('--json', 'one JSON document on stdout')
    .addHelpText(
      'after',
      `
The queue becomes code of the app, in jobqueue/: read it, change it. A second run adds what is missing, offers newer versions of
files that the app has not changed, and leaves the others alone. Afterwards:

  $ npm install && npm run jobqueue:migrate`,
    )
    .action(async (given: string, options: Options) => {
      const folder = resolve(given);
      const plan = planInit(folder);
      const foreign = plan.files.filter(({ state }) => state === 'foreign').map(({ path }) => path);
      if (foreign.length > 0)
        throw new Failure(
          `these are there already and are not overwritten; move them, then come again:\n  ${foreign.join('\n  ')}`,
        );
      if (!options.json) tell(plan);
      if (options.plan) return options.json ? printJson(summary(plan, [])) : undefined;
      const written = await carryOut(folder, plan, options);
      if (options.json) return printJson(summary(plan, written));
      if (written.length === 0) return print('Everything is in place already.');
      print(
        `${written.length} files written. Next: npm install, set the variables of .env.example, npm run jobqueue:migrate`,
      );
    });
}

/** Answers the paths that were written. */
async function carryOut(folder: string, plan: InitPlan, { yes }: Options): Promise<string[]> {
  const written: string[] = [];
  const write = (path: string, text: string) => {
    put(join(folder, path), text);
    written.push(path);
  };
  const fresh = plan.files.filter(({ state }) => state === 'new');
  if (fresh.length > 0) {
    await agree(`Write ${fresh.length} new files?`, { yes });
    for (const { path, text } of fresh) write(path, text);
  }
  const newer = plan.files.filter(({ state }) => state === 'newer');
  const isWanted =
    newer.length > 0 &&
    (await isAgreed(`Replace ${newer.length} files that the app has not changed by newer ones?`, { yes }));
  if (isWanted) for (const { path, text } of newer) write(path, text);
  for (const { path, text, does } of plan.edits) {
    if (does.length === 0) continue;
    if (await isAgreed(`Change ${path}? It ${does.join(', ')}.`, { yes })) write(path, text);
    else note(`${path} was left alone: it still needs what was asked`);
  }
  if (written.length > 0) {
    const untouched = new Set(isWanted ? [] : newer.map(({ path }) => path));
    put(join(folder, plan.record.path), plan.record.text(untouched));
  }
  return written;
}

/** Whole or not at all. */
function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.${process.pid}`, text);
  renameSync(`${path}.${process.pid}`, path);
}

function tell({ files, edits }: InitPlan): void {
  const paths = (state: PlannedFile['state']) => files.filter((file) => file.state === state).map(({ path }) => path);
  const fresh = paths('new');
  const [copied, own] = [fresh.filter(isCopied), fresh.filter((path) => !isCopied(path))];
  if (copied.length > 0) note(`new: ${copied.length} files of the queue and its migrations below jobqueue/`);
  for (const path of own) note(`new: ${path}`);
  for (const path of paths('newer')) note(`newer: ${path}`);
  for (const path of paths('kept')) note(`kept as you made it: ${path}`);
  for (const { path, isNew, does } of edits)
    if (does.length > 0) note(`${isNew ? 'new' : 'changes'}: ${path} (${does.join(', ')})`);
  for (const line of edits.flatMap(({ byHand }) => byHand)) note(`by hand: ${line}`);
}

function isCopied(path: string): boolean {
  return /jobqueue\/(db|lib)\//.test(path);
}

function summary({ files, edits }: InitPlan, written: readonly string[]): object {
  const paths = (state: PlannedFile['state']) => files.filter((file) => file.state === state).map(({ path }) => path);
  return {
    new: paths('new'),
    newer: paths('newer'),
    kept: paths('kept'),
    edits: edits.map(({ path, does }) => ({ path, does })).filter(({ does }) => does.length > 0),
    byHand: edits.flatMap(({ byHand }) => byHand),
    written,
  };
}
