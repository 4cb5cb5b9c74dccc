/** Bundles the functions of api/ with esbuild: a file each, chunks that they share, and a chunk for each handler that a drain may load. */
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild';

/** The folder of the bundles: beside api/, so that imports of node_modules resolve; ignored by git. */
export const BUNDLES = '.functions';

/** The file in which a build notes the sources of each file of a bundle: what a function carries cannot be read from the function. It is not deployed. */
export const BUNDLED_SOURCES = join(BUNDLES, 'sources.json');

/** The functions that run jobs. The others carry no handler: neither the AI SDK nor phone numbers nor CSV. */
const RUNNING_JOBS = ['api/cron/drain.ts', 'api/drain.ts'];

export interface Bundle {
  readonly entry: string;
  /** The bundle of the entry; the chunks that it shares with others lie beside it. */
  readonly file: string;
  /** The methods that it answers. */
  readonly exports: readonly string[];
  /** The bundle's contents: each of its files, with the sources in it and their bytes. */
  readonly carries: Metafile['outputs'];
}

/** The files of api/ that the platform makes a function of: it takes all whose path has no part that begins with `_` or `.`. */
export function functionEntries(): string[] {
  return readdirSync('api', { recursive: true, encoding: 'utf8' })
    .map((path) => join('api', path))
    .filter((path) => path.endsWith('.ts') && !/\/[_.]/.test(path))
    .sort();
}

/** Bundles all functions into `folder`. */
export async function bundleFunctions(folder: string = BUNDLES): Promise<readonly Bundle[]> {
  const entries = functionEntries();
  const [runs, others] = [true, false].map((runsJobs) =>
    entries.filter((entry) => RUNNING_JOBS.includes(entry) === runsJobs),
  ) as [string[], string[]];
  return (
    await Promise.all([bundle(runs, join(folder, 'runs')), bundle(others, join(folder, 'asks'), [withoutHandlers])])
  ).flat();
}

async function bundle(entries: string[], outdir: string, plugins: Plugin[] = []): Promise<Bundle[]> {
  const options = {
    entryPoints: entries,
    outdir,
    outbase: 'api',
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true, // a handler is read when a job of it is claimed
    format: 'esm',
    platform: 'node',
    target: 'node20',
    minifySyntax: true,
    minifyWhitespace: true, // names stay: a stack should be readable
    legalComments: 'none',
    // Drivers ask for these if they happen to be there.
    external: ['pg-native', 'pg-cloudflare', 'bufferutil', 'utf-8-validate'],
    // CommonJS code in the bundle loads Node's own modules by `require`.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    metafile: true,
    logLevel: 'warning',
  } satisfies BuildOptions;
  const shared = [...plugins, oneLanguage];
  const { metafile: split } = await build({ ...options, plugins: [...shared, edited(new Set())], write: false });
  const { metafile } = await build({ ...options, plugins: [...shared, edited(loadedLater(split, entries))] });
  return Object.entries(metafile.outputs)
    .filter(([, { entryPoint }]) => entryPoint !== undefined && entries.includes(entryPoint))
    .map(([file, { entryPoint: entry = '', exports }]) => ({ entry, file, exports, carries: reach(metafile, file) }));
}

/** The modules that something in the bundle imports when it needs them. */
function loadedLater({ outputs }: Metafile, entries: readonly string[]): ReadonlySet<string> {
  const opened = Object.values(outputs).flatMap(({ entryPoint }) => entryPoint ?? []);
  return new Set(opened.filter((path) => !entries.includes(path)));
}

/** The files that `file` imports, at once or later, and itself. */
function reach({ outputs }: Metafile, file: string): Metafile['outputs'] {
  const reached: Metafile['outputs'] = {};
  const open = [file];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const output = outputs[next];
    if (output === undefined || reached[next] !== undefined) continue; // of another package, or seen
    reached[next] = output;
    open.push(...output.imports.map(({ path }) => path));
  }
  return reached;
}

/** Leaves out zod's messages in sixty other languages, 300 kB that every function would read at its start: ours are English. */
const oneLanguage: Plugin = {
  name: 'one-language',
  setup({ onLoad }) {
    onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, ({ path }) => ({
      contents: "export { default as en } from './en.js';",
      resolveDir: dirname(path),
    }));
  },
};

/** The queue with all that it needs at once. */
const ROOT = 'lib/queue/index.ts';
/** A module that can import: CommonJS cannot. */
const SOURCE = /\.(ts|mjs)$/;
/** `z` as a property of the library keeps all of it in the bundle; as its namespace, what is used of it. */
const ZOD = /import \{ z(?: as (\w+))? \} from (['"]zod(?:\/v4)?['"])/g;

/**
 * Edits sources so that a cold start reads less. Code that only some later modules share would get a file for each set of them that shares it:
 * as each of them imports the queue, which is there by then, all that the queue needs is one file. Reading and parsing is most of a cold start.
 */
function edited(later: ReadonlySet<string>): Plugin {
  return {
    name: 'edited',
    setup({ onLoad }) {
      onLoad({ filter: SOURCE }, async ({ path }) => {
        const text = await readFile(path, 'utf8');
        const zod = text.replace(ZOD, (_, name = 'z', from) => `import * as ${name} from ${from}`);
        const root = later.has(relative('.', path)) ? `\nimport ${JSON.stringify(resolve(ROOT))};` : '';
        return zod === text && root === ''
          ? undefined
          : { contents: zod + root, loader: path.endsWith('ts') ? 'ts' : 'js' };
      });
    },
  };
}

/** Replaces each handler that a job's declaration would load by a module that says so. */
const withoutHandlers: Plugin = {
  name: 'without-handlers',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\// }, ({ kind, importer }) =>
      kind === 'dynamic-import' && importer.endsWith('/job.ts')
        ? { path: importer, namespace: 'without-handlers' }
        : undefined,
    );
    onLoad({ filter: /./, namespace: 'without-handlers' }, () => ({
      contents: "throw new Error('expected a function that runs jobs: this one is built without their handlers');",
    }));
  },
};
