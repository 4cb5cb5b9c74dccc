/** Reads the folder that `vercel build` writes (Build Output API, version 3): functions with all their files, crons, routes, static files. */
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { z } from 'zod';
import { BUNDLED_SOURCES } from '../../scripts/functions/bundle.ts';

export interface BuiltFunction {
  /** Its path without `.func`, such as `api/cron/drain`. Of a function with several paths, the one that is no link. */
  readonly name: string;
  /** The file that the launcher loads, relative to the function's folder. */
  readonly handler: string;
  /** Such as `nodejs24.x`. */
  readonly runtime: string;
  readonly launcherType: string;
  /** The handler takes a web `Request` itself, as that of `proxy.ts` does. */
  readonly takesWebRequest: boolean;
  /** Seconds; null: the plan's default. */
  readonly maxDuration: number | null;
  /** MB; null: the plan's default. */
  readonly memory: number | null;
  readonly files: readonly BuiltFile[];
  /** The packages whose files it carries, or parts of them in a bundle; sorted. */
  readonly packages: readonly string[];
}

export interface BuiltFile {
  /** Relative to the function's folder. */
  readonly path: string;
  /** Its place now. */
  readonly source: string;
  /** 0 for a symbolic link. */
  readonly bytes: number;
}

export interface Route {
  readonly src?: string;
  readonly handle?: string;
  readonly dest?: string;
  readonly status?: number;
  readonly continue?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly has?: readonly Condition[];
  readonly missing?: readonly Condition[];
  readonly middlewarePath?: string;
}

interface Condition {
  readonly type: string;
  readonly key: string;
  readonly value?: string;
}

export interface BuildOutput {
  readonly functions: readonly BuiltFunction[];
  /** Every path that leads to a function, links included, with the name of the function. */
  readonly paths: ReadonlyMap<string, string>;
  /** The paths of static files. */
  readonly statics: ReadonlySet<string>;
  readonly crons: readonly { readonly path: string; readonly schedule: string }[];
  readonly routes: readonly Route[];
}

const condition = z.object({ type: z.string(), key: z.string(), value: z.string().optional() });
const config = z.object({
  version: z.literal(3),
  crons: z.array(z.object({ path: z.string(), schedule: z.string() })).default([]),
  routes: z.array(
    z.object({
      src: z.string().optional(),
      handle: z.string().optional(),
      dest: z.string().optional(),
      status: z.number().optional(),
      continue: z.boolean().optional(),
      headers: z.record(z.string(), z.string()).optional(),
      has: z.array(condition).optional(),
      missing: z.array(condition).optional(),
      middlewarePath: z.string().optional(),
    }),
  ),
});
const functionConfig = z.object({
  handler: z.string(),
  runtime: z.string(),
  launcherType: z.string(),
  useWebApi: z.boolean().default(false),
  maxDuration: z.number().optional(),
  memory: z.number().optional(),
  /** Files that are not copied: path in the function, path in the project. */
  filePathMap: z.record(z.string(), z.string()).default({}),
});

const sources = z.array(z.string().nullable());
const sourceMap = z.object({
  sources: sources.optional(),
  sections: z.array(z.object({ map: z.object({ sources }) })).optional(),
});

/** Reads `project/.vercel/output`. Throws if there is none, or if its version or a function's configuration is unknown. */
export function readBuildOutput(project: string): BuildOutput {
  const folder = join(project, '.vercel/output');
  const { crons, routes } = config.parse(readJson(join(folder, 'config.json')));
  const root = join(folder, 'functions');
  const nameOf = (path: string) => relative(root, path).replace(/\.func$/, '');
  const found = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter(({ name }) => name.endsWith('.func'))
    .map((entry) => ({ path: join(entry.parentPath, entry.name), isLink: entry.isSymbolicLink() }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  return {
    functions: found.filter(({ isLink }) => !isLink).map(({ path }) => readFunction(path, nameOf(path), project)),
    paths: new Map(
      found.map(({ path, isLink }) => [
        nameOf(path),
        nameOf(isLink ? resolve(dirname(path), readlinkSync(path)) : path),
      ]),
    ),
    statics: new Set(filesIn(join(folder, 'static')).map(({ path }) => path)),
    crons,
    routes: routes as readonly Route[],
  };
}

function readFunction(folder: string, name: string, project: string): BuiltFunction {
  const parsed = functionConfig.parse(readJson(join(folder, '.vc-config.json')));
  const mapped = Object.entries(parsed.filePathMap).map(([path, source]) => builtFile(path, join(project, source)));
  const files = [...filesIn(folder).filter(({ path }) => path !== '.vc-config.json'), ...mapped];
  return {
    name,
    handler: parsed.handler,
    runtime: parsed.runtime,
    launcherType: parsed.launcherType,
    takesWebRequest: parsed.useWebApi,
    maxDuration: parsed.maxDuration ?? null,
    memory: parsed.memory ?? null,
    files,
    packages: packagesOf(files, project),
  };
}

function filesIn(folder: string): BuiltFile[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => join(parentPath, name))
    .map((source) => builtFile(relative(folder, source), source));
}

function builtFile(path: string, source: string): BuiltFile {
  const stat = lstatSync(source);
  return { path, source, bytes: stat.isSymbolicLink() ? 0 : stat.size };
}

/** The names in their own paths, and in those of the sources that a bundle was made of. */
function packagesOf(files: readonly BuiltFile[], project: string): string[] {
  const bundled = existsSync(join(project, BUNDLED_SOURCES)) ? readJson(join(project, BUNDLED_SOURCES)) : {};
  const packages = new Set<string>();
  for (const { path, source } of files) {
    const sources = z.array(z.string()).parse((bundled as Record<string, unknown>)[path] ?? sourcesOfMap(source));
    for (const file of [path, ...sources]) {
      const name = packageOf(file);
      if (name !== undefined) packages.add(name);
    }
  }
  return [...packages].sort();
}

/** Next.js leaves the source map of a chunk beside it in the project; it is not deployed. Some consist of sections. */
function sourcesOfMap(file: string): string[] {
  if (!file.endsWith('.js') || !existsSync(`${file}.map`)) return [];
  const map = sourceMap.parse(readJson(`${file}.map`));
  return [...(map.sources ?? []), ...(map.sections ?? []).flatMap((section) => section.map.sources)].filter(
    (source) => source !== null,
  );
}

/** The innermost package that a path leads through. In a map `@` is written `%40`, and a package may lack its name: then `src` follows. */
function packageOf(path: string): string | undefined {
  return [...path.replaceAll('%40', '@').matchAll(/node_modules\/(?!src\/)((?:@[^/]+\/)?[^/]+)\//g)].at(-1)?.[1];
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}
