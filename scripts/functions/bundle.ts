/** Bundles the functions of api/ with esbuild: a file each, chunks that they share, and a chunk for each handler that a drain may load. */
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';

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

async function bundle(entries: string[], folder: string, plugins: Plugin[] = []): Promise<Bundle[]> {
  const { metafile } = await build({
    entryPoints: entries,
    outdir: folder,
    outbase: 'api',
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true, // a handler is read when a job of it is claimed
    format: 'esm',
    platform: 'node',
    target: 'node20',
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: true, // errors are known by the name of their class
    legalComments: 'none',
    // Drivers ask for these if they happen to be there.
    external: ['pg-native', 'pg-cloudflare', 'bufferutil', 'utf-8-validate'],
    // CommonJS code in the bundle loads Node's own modules by `require`.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    plugins: [...plugins, oneLanguage],
    metafile: true,
    logLevel: 'warning',
  });
  return Object.entries(metafile.outputs)
    .filter(([, { entryPoint }]) => entryPoint !== undefined && entries.includes(entryPoint))
    .map(([file, { entryPoint: entry = '', exports }]) => ({ entry, file, exports, carries: reach(metafile, file) }));
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
