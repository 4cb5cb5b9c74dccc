/** What `jobqueue init` would do to an app's folder: reads, compares, decides. Writes nothing. */
import { type App, readApp } from './app.ts';
import { cronPath, middlewareInTheWay } from './cron-path.ts';
import { type Edit, editEnvironment, editVercel } from './edits.ts';
import { missingPackages, oldZod, type PackageManager, packageManager } from './package-manager.ts';
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
  /** Paths of those that exist: the app's own, whoever wrote them. */
  readonly kept: readonly string[];
  readonly edits: readonly PlannedEdit[];
  readonly packages: { readonly manager: PackageManager; readonly missing: readonly string[] };
  /** What only a person can do. */
  readonly byHand: readonly string[];
}

/** `spec`: what to install as the package. Throws Failure where no Next.js app with a router and TypeScript is. */
export function planInit(folder: string, spec: string, agent: string | undefined): InitPlan {
  const app = readApp(folder);
  const files = filesFor(app).map(([path, text]) => ({ path, text }));
  const isThere = ({ path }: PlannedFile) => app.read(path) !== null;
  // An app that has a list of jobs needs no example, and may have removed it.
  const hasJobs = files.some((file) => file.path.endsWith(JOBS) && isThere(file));
  const wanted = hasJobs ? files.filter(({ path }) => !path.includes(EXAMPLE)) : files;
  const [configName = 'next.config', config = null] = firstOf(app, CONFIGS) ?? [];
  const cron = cronPath(configName, config);
  const code = firstOf(app, VERCEL_CODE);
  const edits = [
    ...(code ? [] : [edit(app, 'vercel.json', (before) => editVercel(before, cron.path), EMPTY_VERCEL)]),
    edit(app, '.env.example', editEnvironment, ''),
  ];
  return {
    fresh: wanted.filter((file) => !isThere(file)),
    kept: wanted.filter(isThere).map(({ path }) => path),
    edits,
    packages: { manager: packageManager(folder, agent), missing: missingPackages(app.dependencies, spec) },
    byHand: [
      ...edits.flatMap(({ byHand }) => byHand),
      ...cron.byHand,
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

const JOBS = 'jobqueue/jobs/index.ts';
const EXAMPLE = 'jobqueue/jobs/hello/';
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
