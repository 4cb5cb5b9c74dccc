/** The functions as they are deployed: few enough for every plan, and each carries what it needs and no more. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Bundle, bundleFunctions, functionEntries } from '../../scripts/functions/bundle.ts';

/** A Hobby project deploys twelve, and `vercel build` makes five of Next.js: pages, route handlers, proxy.ts, two prerendered answers. */
const MOST_IN_API = 7;
/** The largest bundle of a function that runs no job, minified: mostly zod, the drivers and the queue. */
const MOST_BYTES = 1_800_000;
/** With every handler and the libraries of all of them. */
const MOST_BYTES_OF_DRAIN = 4_500_000;
const HEAVY = /node_modules\/(@ai-sdk|ai|libphonenumber-js|csv-parse|iconv-lite|chardet|next|react)\//;

let folder: string;
let bundles: readonly Bundle[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'jobqueue-functions-'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}'); // away from node_modules: a bundle needs none
  bundles = await bundleFunctions(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('they are few, because a plan bounds them', () => {
  expect(functionEntries().length).toBeLessThanOrEqual(MOST_IN_API);
  expect(bundles.map(({ entry }) => entry).sort()).toEqual(functionEntries());
});

test('the pages share one function: one of them declares for all how long it may run', () => {
  const declaring = readdirSync('app', { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.tsx?$/.test(path))
    .filter((path) =>
      /^export const (maxDuration|preferredRegion|runtime)\b/m.test(readFileSync(join('app', path), 'utf8')),
    );
  expect(declaring).toEqual(['layout.tsx']);
});

test('health, metrics, jobs and operator carry no handler and none of their libraries', () => {
  const entry = 'api/queue.ts';
  expect(sourcesOf(entry)).toEqual(expect.arrayContaining(['api/_queue/health.ts', 'api/_queue/metrics.ts']));
  expect(sourcesOf(entry).filter((source) => HEAVY.test(source) || /^lib\/.*\/run\.ts$/.test(source))).toEqual([]);
  expect(bytesOf(entry)).toBeLessThan(MOST_BYTES);
});

test('a drain carries every handler, and reads none of them before a job is claimed', () => {
  const entry = 'api/cron/drain.ts';
  expect(sourcesOf(entry)).toEqual(expect.arrayContaining(['lib/ai/ai-generation/run.ts', 'lib/crm/crm-sync/run.ts']));
  expect(sourcesOf(entry, 'at once').filter((source) => HEAVY.test(source))).toEqual([]);
  expect(bytesOf(entry)).toBeLessThan(MOST_BYTES_OF_DRAIN);
});

test('a bundle answers by itself', async () => {
  vi.stubEnv('CRON_SECRET', undefined);
  vi.stubEnv('LOG_LEVEL', 'silent');
  const { file } = of('api/cron/drain.ts');
  const { GET } = createRequire(import.meta.url)(resolve(file)); // as Node.js loads it, not as the test runner would
  const response: Response = await GET(new Request('https://queue.example/api/cron/drain'));
  expect([response.status, await response.json()]).toMatchObject([503, { error: { code: 'not_configured' } }]);
  vi.unstubAllEnvs();
});

test('the script that the platform runs before each function is the one that bundles, and the build is not', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'));
  expect(scripts['vercel-build']).toContain('scripts/bundle-functions.ts');
  expect(scripts['vercel-build']).not.toContain('next build');
});

function of(entry: string): Bundle {
  const bundle = bundles.find((one) => one.entry === entry);
  if (bundle === undefined) throw new Error(`expected a bundle of ${entry}`);
  return bundle;
}

/** The sources in a bundle; `at once` leaves out what it loads later. */
function sourcesOf(entry: string, when: 'ever' | 'at once' = 'ever'): string[] {
  const { file, carries } = of(entry);
  const files = when === 'ever' ? Object.keys(carries) : [...loadedAtOnce(carries, file)];
  return files.flatMap((name) => Object.keys(carries[name]?.inputs ?? {}));
}

function loadedAtOnce(carries: Bundle['carries'], file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const imports = carries[file]?.imports.filter(({ kind }) => kind !== 'dynamic-import') ?? [];
  for (const { path } of imports) loadedAtOnce(carries, path, seen);
  return seen;
}

function bytesOf(entry: string): number {
  return Object.values(of(entry).carries).reduce((sum, { bytes }) => sum + bytes, 0);
}
