/** Plans the changes of `jobqueue init` in an app's folder: reads and compares. Writes nothing. */
import { Failure } from '../failure.ts';
import { type App, readApp } from './app.ts';
import { cronPath, middlewareInTheWay } from './cron-path.ts';
import { type Edit, editEnvironment, editVercel } from './edits.ts';
import {
  CONSOLE_PACKAGE,
  missingPackages,
  oldZod,
  type PackageManager,
  type PackageSpecs,
  packageManager,
} from './package-manager.ts';
import { filesFor } from './templates.ts';

export interface PlannedFile {
  readonly path: string;
  readonly text: string;
}

export interface PlannedEdit extends Edit {
  readonly path: string;
  readonly isNew: boolean;
}

export interface InitPlan {
  /** Files that do not exist. */
  readonly fresh: readonly PlannedFile[];
  /** Paths of files that exist: they belong to the app. */
  readonly kept: readonly string[];
  readonly edits: readonly PlannedEdit[];
  /** True if the app has the console's page afterwards. */
  readonly hasConsole: boolean;
  readonly packages: { readonly manager: PackageManager; readonly missing: readonly string[] };
  /** Steps that only a person can do. */
  readonly byHand: readonly string[];
}

export interface InitWishes {
  readonly specs: PackageSpecs;
  /** Adds the console's page; null: if its package is installed. */
  readonly console: boolean | null;
  /** npm_config_user_agent, which names the package manager that runs this. */
  readonly agent: string | undefined;
}

/** Throws Failure where no Next.js app with a router and TypeScript is, and where an earlier release copied its source. */
export function planInit(folder: string, { specs, console, agent }: InitWishes): InitPlan {
  const app = readApp(folder);
  refuseCopiedSource(app);
  const [configName = 'next.config', config = null] = firstOf(app, CONFIGS) ?? [];
  const hasRootLayout =
    firstOf(
      app,
      ROOT_LAYOUTS.map((name) => `${app.base}app/${name}`),
    ) !== undefined;
  const wantsConsole = console ?? CONSOLE_PACKAGE in app.dependencies;
  const hasConsole = wantsConsole && hasRootLayout;
  const files = filesFor(
    app,
    hasConsole ? { hasCacheComponents: /\bcacheComponents['"]?\s*:\s*true\b/.test(config ?? '') } : null,
  ).map(([path, text]) => ({ path, text }));
  const isThere = ({ path }: PlannedFile) => app.read(path) !== null;
  // An app that has a list of jobs needs no example, and may have removed it.
  const hasJobs = JOBS.some((path) => app.read(`${app.base}${path}`) !== null);
  const wanted = files.filter((file) => isThere(file) || !(hasJobs && isExample(file.path)));
  const cron = cronPath(configName, config);
  const code = firstOf(app, VERCEL_CODE);
  const edits = [
    ...(code ? [] : [edit(app, 'vercel.json', (before) => editVercel(before, cron.path), EMPTY_VERCEL)]),
    edit(app, '.env.example', (before) => editEnvironment(before, hasConsole), ''),
  ];
  return {
    fresh: wanted.filter((file) => !isThere(file)),
    kept: wanted.filter(isThere).map(({ path }) => path),
    edits,
    hasConsole,
    packages: { manager: packageManager(folder, agent), missing: missingPackages(app.dependencies, specs, hasConsole) },
    byHand: [
      ...edits.flatMap(({ byHand }) => byHand),
      ...cron.byHand,
      ...(wantsConsole && !hasRootLayout ? [`${app.base}app has no layout of its own: ${MOUNT_CONSOLE}`] : []),
      ...(code && !code[1].includes(cron.path)
        ? [
            `${code[0]}: add { path: '${cron.path}', schedule: '* * * * *' } to crons (on the Hobby plan once a day at most)`,
          ]
        : []),
      ...inTheWay(app),
      ...ignored(app),
      ...[oldZod(app.dependencies.zod)].filter((line) => line !== null),
    ],
  };
}

/** Releases up to 0.8 copied their source into the app, with this list of what they had copied. */
function refuseCopiedSource({ base, read }: App): void {
  const home = `${base}jobqueue`;
  if (read(`${home}/installed.json`) === null) return;
  throw new Failure(
    `${home}/installed.json: an init of 0.8 or earlier copied the queue's source into ${home}/. Keep ${home}/jobs and import from '@conversure/jobqueue' there, ` +
      `remove everything else in ${home}/ and ${base}app/api/cron/drain/route.ts, then run this again. The database stays as it is: jobqueue migrate upgrades it, jobs included`,
  );
}

/** Files in which an app may keep its list of jobs. */
const JOBS = ['jobqueue/jobs.ts', 'jobqueue/jobs/index.ts'];
const isExample = (path: string) => path.endsWith('jobqueue/jobs.ts') || path.endsWith('jobqueue/hello.ts');
const ROOT_LAYOUTS = ['layout.tsx', 'layout.jsx', 'layout.js'];
const MOUNT_CONSOLE = `mount the console by its RootLayout, as the README of ${CONSOLE_PACKAGE} shows`;
const EMPTY_VERCEL = '{\n  "$schema": "https://openapi.vercel.sh/vercel.json"\n}\n';
const CONFIGS = ['ts', 'mts', 'js', 'mjs'].map((extension) => `next.config.${extension}`);
/** The platform refuses a vercel.json beside one of these. */
const VERCEL_CODE = ['ts', 'mts', 'js', 'mjs', 'cjs'].map((extension) => `vercel.${extension}`);

function firstOf(app: App, paths: readonly string[]): readonly [path: string, text: string] | undefined {
  return paths
    .map((path) => [path, app.read(path)] as const)
    .find((found): found is [string, string] => found[1] !== null);
}

function edit(app: App, path: string, change: (before: string) => Edit, otherwise: string): PlannedEdit {
  const before = app.read(path);
  return { path, isNew: before === null, ...change(before ?? otherwise) };
}

/** Next.js looks for it beside the router's folder. */
function inTheWay(app: App): string[] {
  const names = ['proxy', 'middleware'].flatMap((name) => [`${app.base}${name}.ts`, `${app.base}${name}.js`]);
  const found = firstOf(app, names);
  const line = found ? middlewareInTheWay(...found) : null;
  return line === null ? [] : [line];
}

/** As create-next-app writes it, `.gitignore` leaves the example out too. */
function ignored(app: App): string[] {
  const lines = (app.read('.gitignore') ?? '').split('\n').map((line) => line.trim());
  const isIgnored = lines.includes('.env*') && !lines.includes('!.env.example');
  return isIgnored ? ['.gitignore leaves .env.example out of the repository: add the line !.env.example'] : [];
}
