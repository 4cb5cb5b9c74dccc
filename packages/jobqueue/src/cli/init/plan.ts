/** What `jobqueue init` would do to an app's folder: reads, compares, decides. Writes nothing. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../failure.ts';
import { copiedFiles, needed } from './copied.ts';
import { type Edit, editEnvironment, editPackage, editTsconfig, editVercel, parseJson } from './edits.ts';
import { EXAMPLE, HELLO_JOB, HELLO_RUN, JOBS, MIGRATE, PACKAGE, QUEUE, ROUTE } from './templates.ts';

export interface PlannedFile {
  readonly path: string;
  readonly text: string;
  /**
   * `new`: is not there; `newer`: is there as an earlier init left it; `kept`: the app has made it its own; `foreign`: was there
   * before any init; `same`: nothing to do.
   */
  readonly state: 'new' | 'newer' | 'kept' | 'foreign' | 'same';
}

export interface PlannedEdit extends Edit {
  readonly path: string;
  readonly isNew: boolean;
}

export interface InitPlan {
  readonly files: readonly PlannedFile[];
  readonly edits: readonly PlannedEdit[];
  /** Which files an init made, with their hashes: what tells our old text from the app's own. */
  readonly record: {
    readonly path: string;
    /** `untouched`: files whose newer version nobody wanted. */
    text(untouched: ReadonlySet<string>): string;
  };
}

const RECORD = 'installed.json';

/** Throws Failure if there is no Next.js app with an app router and TypeScript. */
export function planInit(folder: string): InitPlan {
  const read = (path: string) => (existsSync(join(folder, path)) ? readFileSync(join(folder, path), 'utf8') : null);
  const manifest = read('package.json');
  const app = manifest === null ? null : parseJson(manifest);
  const dependencies = { ...(app?.dependencies as object), ...(app?.devDependencies as object) };
  if (manifest === null || !('next' in dependencies))
    throw new Failure(`${folder} holds no Next.js app: its package.json has to name next`);
  const base = existsSync(join(folder, 'src/app')) ? 'src/' : '';
  if (!existsSync(join(folder, `${base}app`)))
    throw new Failure('expected an app router: a folder app/ or src/app/, which is where the route goes');
  const tsconfig = read('tsconfig.json');
  if (tsconfig === null)
    throw new Failure('expected TypeScript: make an empty tsconfig.json, run next dev once, and come again');

  const home = `${base}jobqueue`;
  const needs = needed();
  const recorded = parseJson(read(`${home}/${RECORD}`) ?? '{}')?.files as Record<string, string> | undefined;
  const files = [
    ...copiedFiles().map(([path, text]) => [`${home}/${path}`, text] as const),
    [`${home}/package.json`, PACKAGE],
    [`${home}/queue.ts`, QUEUE],
    [`${home}/jobs/index.ts`, JOBS],
    [`${home}/jobs/hello/job.ts`, HELLO_JOB],
    [`${home}/jobs/hello/run.ts`, HELLO_RUN],
    [`${home}/example.ts`, EXAMPLE],
    [`${home}/migrate.ts`, MIGRATE],
    [`${base}app/api/cron/drain/route.ts`, ROUTE({ fromRoute: '../../../../jobqueue' })],
  ] as const;
  const planned = files.map(([path, text]) => ({ path, text, state: stateOf(read(path), text, recorded, path) }));
  const script = `node --import tsx ${home}/migrate.ts`;
  const edit = (path: string, change: (before: string) => Edit, otherwise: string): PlannedEdit => {
    const before = read(path);
    return { path, isNew: before === null, ...change(before ?? otherwise) };
  };
  const recordText = (untouched: ReadonlySet<string>) => {
    const hashes = planned.map(({ path, text, state }) => [
      path,
      state === 'kept' || untouched.has(path) ? recorded?.[path] : hash(text),
    ]);
    return `${JSON.stringify({ version: needs.version, files: Object.fromEntries(hashes) }, null, 2)}\n`;
  };
  return {
    files: planned,
    edits: [
      edit('package.json', (before) => editPackage(before, needs, script), ''),
      edit('tsconfig.json', editTsconfig, ''),
      edit('vercel.json', editVercel, '{\n  "$schema": "https://openapi.vercel.sh/vercel.json"\n}\n'),
      edit('.env.example', editEnvironment, ''),
    ],
    record: { path: `${home}/${RECORD}`, text: recordText },
  };
}

function stateOf(
  found: string | null,
  text: string,
  recorded: Record<string, string> | undefined,
  path: string,
): PlannedFile['state'] {
  if (found === null) return 'new';
  if (found === text) return 'same';
  if (recorded?.[path] === undefined) return 'foreign';
  return recorded[path] === hash(found) ? 'newer' : 'kept';
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
