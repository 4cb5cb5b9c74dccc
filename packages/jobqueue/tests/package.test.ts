/** The package as npm would publish it: what is in the tarball, how others resolve it, and what an import of it loads. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { build } from 'esbuild';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, expect, test } from 'vitest';

const pkgDir = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(pkgDir, 'package.json'), 'utf8')) as {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: boolean }>>;
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
    expect.arrayContaining(['README.md', 'dist/index.js', 'dist/index.d.ts', 'sql/functions/add_job.sql']),
  );
  expect(files.filter((path) => !/^(dist|sql|bin|docs)\/|^(README\.md|package\.json)$/.test(path))).toEqual([]);
  expect(tarball.byteLength).toBeLessThanOrEqual(MOST_TARBALL_BYTES);
});

test('publint finds nothing', async () => {
  const data = new Uint8Array(tarball).buffer;
  const { messages, pkg } = await publint({ pack: { tarball: data }, strict: true });
  expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
});

test('its types are right wherever ES modules are resolved', async () => {
  const checked = await checkPackage(createPackageFromTarballData(new Uint8Array(tarball)));
  if (!checked.types) return expect.fail('expected declarations in the tarball');
  // ESM alone is the package's choice: require() of it is Node's matter, and node10 knows no `exports`.
  const declared = ['node10', 'node16-cjs'];
  const found = checked.problems.filter(
    (problem) => !('resolutionKind' in problem && declared.includes(problem.resolutionKind)),
  );
  expect(found).toEqual([]);
});

test('all peers are optional, and the public declarations name no other package', () => {
  expect(Object.keys(manifest.peerDependenciesMeta).sort()).toEqual(Object.keys(manifest.peerDependencies).sort());
  expect(Object.values(manifest.peerDependenciesMeta).every(({ optional }) => optional)).toBe(true);
  const known = new Set([...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies)]);
  const named = files
    .filter((path) => path.endsWith('.d.ts'))
    .flatMap((path) => [...readFileSync(join(pkgDir, path), 'utf8').matchAll(/from '([^.'][^']*)'/g)])
    .map(([, name = '']) =>
      name
        .split('/')
        .slice(0, name.startsWith('@') ? 2 : 1)
        .join('/'),
    )
    .filter((name) => !name.startsWith('node:') && !known.has(name));
  expect([...new Set(named)]).toEqual([]);
});

const ACTION = `
  import { createQueue, defineJob } from '@conversure/jobqueue';
  export const mail = defineJob({ type: 'mail', payload: globalThis.schema, handler: () => import('./handler.js') });
  const queue = createQueue({ database: globalThis.database, jobs: [mail] });
  export const send = (to) => queue.addJob('mail', { to });
`;
/** 186 kB when this was written: drain, reads and croner come along until `createQueue` loads them by need. */
const MOST_ACTION_BYTES = 200_000;

test('an action that enqueues bundles no schema library, no driver, no command line and no handler', async () => {
  const { metafile } = await build({
    stdin: { contents: ACTION, resolveDir: pkgDir },
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'esm',
    external: ['./handler.js'],
    metafile: true,
    write: false,
    outfile: 'action.js',
  });
  const [output] = Object.values(metafile.outputs);
  const inputs = Object.entries(output?.inputs ?? {}).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  const packages = inputs.flatMap(([path]) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []);
  expect([...new Set(packages)].sort()).toEqual(['croner', 'ms']);
  expect(
    inputs
      .map(([path]) => path)
      .filter((path) =>
        /dist\/(cli|dev|embedded|next)\/|dist\/postgres\/(connect|migrate|drivers\/(neon|pool|postgres))\.js/.test(
          path,
        ),
      ),
  ).toEqual([]);
  expect(output?.bytes).toBeLessThanOrEqual(MOST_ACTION_BYTES);
});
