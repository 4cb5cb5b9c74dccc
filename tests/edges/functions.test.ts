/** The functions as they are deployed: few enough for every plan, and each carries what it needs and no more. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Bundle, bundleFunctions, functionEntries } from '../../scripts/functions/bundle.ts';
import { freshDatabase } from '../support/database.ts';

/** A Hobby project deploys twelve, and `vercel build` makes six of Next.js: pages, «not found», route handlers, proxy.ts, two prerendered answers. */
const MOST_IN_API = 6;
/** The libraries of handlers and pages: large, and none of monitoring's or enqueueing's business. */
const HEAVY = /node_modules\/(@ai-sdk|ai|libphonenumber-js|csv-parse|iconv-lite|chardet|next|react)\//;

interface Budget {
  readonly entry: string;
  /** Minified, with every chunk that it may load some day. */
  readonly bytes: number;
  /** The part of them that a cold start reads before the first request is answered, per endpoint: mostly zod and the queue. */
  readonly atOnce: Readonly<Record<string, number>>;
}

/** Some 10 % above what they were when this was written: who exceeds one looks at what came in, and says why it must. */
const BUDGETS: readonly Budget[] = [
  { entry: 'api/cron/drain.ts', bytes: 3_480_000, atOnce: { 'api/cron/drain.ts': 425_000 } },
  { entry: 'api/drain.ts', bytes: 3_480_000, atOnce: { 'api/drain.ts': 425_000 } },
  {
    entry: 'api/queue.ts',
    bytes: 1_025_000,
    atOnce: { 'api/queue.ts': 5_000, 'api/_queue/health.ts': 440_000, 'api/_queue/metrics.ts': 440_000 },
  },
  { entry: 'api/app.ts', bytes: 3_370_000, atOnce: { 'api/app.ts': 5_000 } },
];

/** The endpoint, the queue with all that it needs, and what bundles need of the bundler: each file more is opened by every cold start. */
const MOST_FILES_AT_ONCE = 3;

const SECRET = 'metrics-secret-0123456789';
/** Where the platform hands an invocation to libraries. */
const REQUEST_CONTEXT = Symbol.for('@vercel/request-context') as unknown as string;

/** The modules that run jobs. */
const HANDLER = /^lib\/.*\/run\.ts$/;

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

test('every function has a budget', () => {
  expect(BUDGETS.map(({ entry }) => entry).sort()).toEqual(functionEntries());
});

test.each(BUDGETS)('$entry keeps its budget', ({ entry, bytes, atOnce }) => {
  expect(bytesOf(entry, everything(entry))).toBeLessThan(bytes);
  for (const [endpoint, most] of Object.entries(atOnce)) {
    const files = readAtOnce(entry, endpoint);
    expect(bytesOf(entry, files), endpoint).toBeLessThan(most);
    expect(files.length, endpoint).toBeLessThanOrEqual(MOST_FILES_AT_ONCE);
    expect(sourcesIn(entry, files).filter((source) => HEAVY.test(source))).toEqual([]);
  }
});

test('the part of zod that nothing uses is left out', () => {
  const entry = 'api/cron/drain.ts';
  const zod = sourcesIn(entry, everything(entry)).filter((source) => source.includes('node_modules/zod/'));
  expect(zod).toEqual(expect.arrayContaining([expect.stringMatching(/v4\/classic\/schemas\.js$/)]));
  const atOnce = sizeIn(entry, readAtOnce(entry, entry), /node_modules\/zod\//);
  expect(atOnce).toBeLessThan(200_000); // all of it is 310,000
});

test('every error names itself: a bundle may call its class something else', () => {
  const nameless = ['lib', 'packages/jobqueue/src', 'packages/console/src'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.tsx?$/.test(path))
      .flatMap((path) => readFileSync(join(folder, path), 'utf8').match(/class \w+ extends \w*Error\b[^}]*/g) ?? [])
      .filter((declared) => !/readonly name(: string)? = '/.test(declared)),
  );
  expect(nameless).toEqual([]);
});

test('health, metrics, jobs and operator carry no handler and none of their libraries', () => {
  const sources = sourcesIn('api/queue.ts', everything('api/queue.ts'));
  expect(sources).toEqual(
    expect.arrayContaining(['api/_queue/health.ts', 'api/_queue/metrics.ts', 'api/_queue/jobs.ts']),
  );
  expect(sources.filter((source) => HEAVY.test(source) || HANDLER.test(source))).toEqual([]);
});

test('a drain carries every handler, and reads none of them before a job is claimed', () => {
  const entry = 'api/cron/drain.ts';
  const handlers = sourcesIn(entry, everything(entry)).filter((source) => HANDLER.test(source));
  expect(handlers).toEqual(expect.arrayContaining(['lib/ai/ai-generation/run.ts', 'lib/crm/crm-sync/run.ts']));
  expect(sourcesIn(entry, readAtOnce(entry, entry)).filter((source) => HANDLER.test(source))).toEqual([]);
});

test('each handler of a bundle loads', () => {
  const handlers = Object.entries(of('api/cron/drain.ts').carries).filter(([, { entryPoint = '' }]) =>
    HANDLER.test(entryPoint),
  );
  expect(handlers.length).toBeGreaterThanOrEqual(10);
  for (const [file, { entryPoint }] of handlers)
    expect(createRequire(import.meta.url)(resolve(file)), entryPoint).toMatchObject({ run: expect.any(Function) });
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

test('a bundle reaches PostgreSQL where the platform names its own address, and hands it the pool', async () => {
  const db = await freshDatabase();
  const environment = { VERCEL_URL: 'queue.example', VERCEL_REGION: 'iad1', LOG_LEVEL: 'silent' };
  for (const [name, value] of Object.entries({ ...environment, DATABASE_URL: db.url, METRICS_SECRET: SECRET }))
    vi.stubEnv(name, value);
  const kept: Promise<unknown>[] = [];
  vi.stubGlobal(REQUEST_CONTEXT, { get: () => ({ waitUntil: (until: Promise<unknown>) => kept.push(until) }) });
  try {
    const { GET } = createRequire(import.meta.url)(resolve(of('api/queue.ts').file));
    const request = new Request('https://queue.example/api/metrics', {
      headers: { authorization: `Bearer ${SECRET}` },
    });
    const response: Response = await GET(request);
    expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('# TYPE jobqueue_')]);
    expect(kept).not.toEqual([]); // until the pool's idle connections have ended
  } finally {
    vi.unstubAllEnvs();
    vi.unstubAllGlobals();
    await db.drop();
  }
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

function everything(entry: string): string[] {
  return Object.keys(of(entry).carries);
}

/** The files of the bundle that are read before `endpoint` of it answers. */
function readAtOnce(entry: string, endpoint: string): string[] {
  const { carries } = of(entry);
  const [file] = Object.entries(carries).find(([, { entryPoint }]) => entryPoint === endpoint) ?? [];
  if (file === undefined) throw new Error(`expected a file for ${endpoint} in the bundle of ${entry}`);
  const read = new Set<string>();
  const open = [file];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const output = carries[next];
    if (read.has(next) || output === undefined) continue; // seen, or a module of Node.js
    read.add(next);
    open.push(...output.imports.filter(({ kind }) => kind !== 'dynamic-import').map(({ path }) => path));
  }
  return [...read];
}

function sourcesIn(entry: string, files: readonly string[]): string[] {
  return files.flatMap((file) => Object.keys(of(entry).carries[file]?.inputs ?? {}));
}

function sizeIn(entry: string, files: readonly string[], source: RegExp): number {
  return files
    .flatMap((file) => Object.entries(of(entry).carries[file]?.inputs ?? {}))
    .reduce((sum, [path, { bytesInOutput }]) => sum + (source.test(path) ? bytesInOutput : 0), 0);
}

function bytesOf(entry: string, files: readonly string[]): number {
  return files.reduce((sum, file) => sum + (of(entry).carries[file]?.bytes ?? 0), 0);
}
