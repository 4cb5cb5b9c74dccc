/** The package as npm would publish it: what is in the tarball, how others resolve it, and what an import of it loads. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withoutComments } from '../src/postgres/migrate.ts';
import { hasTools, importTool } from './tools/installed.ts';

const pkgDir = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(pkgDir, 'package.json'), 'utf8')) as {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: boolean }>>;
};

interface Publint {
  publint(options: {
    readonly pack: { readonly tarball: ArrayBuffer };
    readonly strict: boolean;
  }): Promise<{ readonly messages: readonly object[]; readonly pkg: object }>;
}
interface PublintUtils {
  formatMessage(message: object, pkg: object, options: { readonly color: boolean }): string;
}
/** Are The Types Wrong. */
interface Attw {
  createPackageFromTarballData(tarball: Uint8Array): object;
  checkPackage(pkg: object): Promise<{ readonly types: unknown; readonly problems: readonly object[] }>;
}

/** Loaded before the tests, whose time limit they would use up on a busy machine: one of them is a whole TypeScript. */
const tools = hasTools && {
  ...(await importTool<Publint>('publint')),
  ...(await importTool<PublintUtils>('publint/utils')),
  ...(await importTool<Attw>('@arethetypeswrong/core')),
};

/** The largest tarball: SQL, declarations and code. A megabyte would be a mistake in `files`. */
const MOST_TARBALL_BYTES = 400_000;

let folder: string;
let tarball: Buffer;
let files: readonly string[];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'jobqueue-pack-'));
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const [packed] = JSON.parse(execFileSync('npm', pack, { cwd: pkgDir, encoding: 'utf8' })) as [
    { filename: string; files: { path: string }[] },
  ];
  files = packed.files.map(({ path }) => path);
  tarball = readFileSync(join(folder, packed.filename));
});
afterAll(() => rmSync(folder, { recursive: true }));

test('the tarball holds code, declarations, SQL and README, and nothing else', () => {
  expect(files).toEqual(
    expect.arrayContaining([
      'README.md',
      'dist/index.js',
      'dist/index.d.ts',
      'dist/sql/functions/add_job.sql',
      'sql/migrations/0001_create_queue.sql',
    ]),
  );
  expect(files.filter((path) => !/^(dist|sql|bin|docs)\/|^(README\.md|package\.json)$/.test(path))).toEqual([]);
  expect(tarball.byteLength).toBeLessThanOrEqual(MOST_TARBALL_BYTES);
});

test('a database that the source migrated is up to date for the build', () => {
  const names = readdirSync(join(pkgDir, 'sql/functions'));
  const built = names.map((name) => readFileSync(join(pkgDir, 'dist/sql/functions', name), 'utf8'));
  const sources = names.map((name) => withoutComments(readFileSync(join(pkgDir, 'sql/functions', name), 'utf8')));
  expect(built).toEqual(sources);
  expect(built.filter((sql) => /^\s*--/m.test(sql))).toEqual([]);
});

test.skipIf(!hasTools)('publint finds nothing', async () => {
  const { publint, formatMessage } = tools || expect.unreachable();
  const data = new Uint8Array(tarball).buffer;
  const { messages, pkg } = await publint({ pack: { tarball: data }, strict: true });
  expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
});

test.skipIf(!hasTools)('its types are right wherever ES modules are resolved', async () => {
  const { checkPackage, createPackageFromTarballData } = tools || expect.unreachable();
  const checked = await checkPackage(createPackageFromTarballData(new Uint8Array(tarball)));
  if (!checked.types) return expect.fail('expected declarations in the tarball');
  // ESM alone is the package's choice: require() of it is Node's matter, and node10 knows no `exports`.
  const declared = ['node10', 'node16-cjs'];
  const found = checked.problems.filter(
    (problem) => !('resolutionKind' in problem && declared.includes(String(problem.resolutionKind))),
  );
  expect(found).toEqual([]);
});

test('all peers are optional, and the public declarations name no other package', () => {
  expect(Object.keys(manifest.peerDependenciesMeta).sort()).toEqual(Object.keys(manifest.peerDependencies).sort());
  expect(Object.values(manifest.peerDependenciesMeta).every(({ optional }) => optional)).toBe(true);
  const known = new Set([...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies)]);
  const named = files
    .filter((path) => path.endsWith('.d.ts'))
    .flatMap((path) => [...readFileSync(join(pkgDir, path), 'utf8').matchAll(/^(?!\s*\*).*from '([^.'][^']*)'/gm)])
    .map(([, name = '']) =>
      name
        .split('/')
        .slice(0, name.startsWith('@') ? 2 : 1)
        .join('/'),
    )
    .filter((name) => !name.startsWith('node:') && !known.has(name));
  expect([...new Set(named)]).toEqual([]);
});

test('whatever its code imports is a dependency or a peer', async () => {
  const entries = files.filter((path) => path.endsWith('.js'));
  const { metafile } = await build({
    entryPoints: entries.map((path) => join(pkgDir, path)),
    ...{
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      splitting: true,
      metafile: true,
      write: false,
    },
    outdir: 'imports',
    logLevel: 'silent', // the build's own files import each other for their order alone
  });
  const outside = Object.values(metafile.outputs)
    .flatMap(({ imports }) => imports.filter(({ external }) => external))
    .map(({ path }) => path)
    .filter((path) => !isBuiltin(path));
  const names = new Set(outside.map((path) => /^(@[^/]+\/)?[^/]+/.exec(path)?.[0]));
  expect([...names]).toContain('ms');
  const known = { ...manifest.dependencies, ...manifest.peerDependencies };
  expect([...names].filter((name) => name === undefined || !(name in known))).toEqual([]);
});

const ACTION = `
  import { createQueue, defineJob } from '@conversure/jobqueue';
  export const mail = defineJob({ type: 'mail', payload: globalThis.schema, handler: () => import('./handler.js') });
  const queue = createQueue({ database: globalThis.database, jobs: [mail] });
  export const send = (to) => queue.addJob('mail', { to });
`;
/** 47 kB when this was written: checks, redaction and the insert. */
const MOST_ACTION_BYTES = 60_000;

test('an action that enqueues loads no drain, no reads, no library but ms, no driver, no command line and no handler', async () => {
  const { metafile } = await build({
    stdin: { contents: ACTION, resolveDir: pkgDir },
    ...{ bundle: true, splitting: true, minify: true, platform: 'node', format: 'esm', metafile: true, write: false },
    external: ['./handler.js'],
    outdir: 'action',
  });
  const { outputs } = metafile;
  const entry = Object.keys(outputs).find((path) => outputs[path]?.entryPoint === '<stdin>');
  const loaded = new Set<string>();
  const load = (path = '') => {
    if (loaded.has(path) || outputs[path] === undefined) return;
    loaded.add(path);
    for (const { kind, path: next } of outputs[path].imports) if (kind === 'import-statement') load(next);
  };
  load(entry);
  const inputs = [...loaded]
    .flatMap((path) => Object.entries(outputs[path]?.inputs ?? {}))
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([path]) => path);
  const packages = inputs.flatMap((path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []);
  expect([...new Set(packages)]).toEqual(['ms']);
  const lazy = /dist\/(cli|dev|embedded|next|reads|maintenance|drainer|drain\/(drain|executor|exchange.*)[.]js)/;
  const drivers = /dist\/postgres\/(connect|migrate|drivers\/(neon|pool|postgres))[.]js/;
  expect(inputs.filter((path) => lazy.test(path) || drivers.test(path))).toEqual([]);
  const bytes = [...loaded].reduce((sum, path) => sum + (outputs[path]?.bytes ?? 0), 0);
  expect(bytes).toBeGreaterThan(20_000); // what enqueues is in there
  expect(bytes).toBeLessThanOrEqual(MOST_ACTION_BYTES);
});
