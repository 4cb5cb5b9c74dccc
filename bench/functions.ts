/**
 * `npm run bench:functions -- --base <commit>`: cold starts of the last commit's functions beside those of an older commit's endpoints, taking
 * turns, on Node 24 over PostgreSQL. `npm run test:deploy` builds and runs them in the same way.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { coldStart, FIRST_REQUESTS, type StartCost } from '../tests/deploy/cold-starts.ts';
import type { Environment } from '../tests/deploy/function-process.ts';
import { buildForPlatform, type Deployment, platformNode, run } from '../tests/deploy/platform-build.ts';
import { bytesOf } from '../tests/deploy/violations.ts';
import { startBenchServer } from './server.ts';
import { median as medianOf } from './table.ts';

const SECRET = 'a-secret-of-the-benchmark';
const { values: options } = parseArgs({
  options: { base: { type: 'string' }, rounds: { type: 'string', default: '12' } },
});
const ROUNDS = Number(options.rounds);
if (!Number.isInteger(ROUNDS) || ROUNDS < 1) throw new Error(`--rounds: expected 1 or more, got ${options.rounds}`);

/** The endpoints of `--base`, each a function of its own then. */
const BASE = ['api/cron/drain', 'api/metrics'];

/** A function of one build. */
interface Side {
  readonly deployment: Deployment;
  readonly environment: Environment;
  readonly function: string;
  readonly costs: StartCost[];
}

const node = await platformNode();
const head = await buildForPlatform('HEAD');
const base = options.base === undefined ? null : await buildForPlatform(options.base, BASE);
const server = await startBenchServer(process.env.DATABASE_URL);
try {
  const now = await environmentOf(head, 'jobqueue_functions_head');
  const before = base && (await environmentOf(base, 'jobqueue_functions_base'));
  const lines: string[] = [];
  for (const first of FIRST_REQUESTS) {
    const sides: Side[] = [{ deployment: head, environment: now, function: first.function, costs: [] }];
    const older = base?.functions.find(({ name }) => `/${name.replace(/\.ts$/, '')}` === first.path);
    if (base && before && older)
      sides.unshift({ deployment: base, environment: before, function: older.name, costs: [] });
    for (let round = 0; round <= ROUNDS; round += 1)
      for (const side of round % 2 ? sides : sides.toReversed()) {
        const cost = await coldStart(side.deployment, side.environment, { ...first, function: side.function });
        if (round > 0) side.costs.push(cost); // the first fills the machine's file cache
      }
    lines.push(...linesOf(first.path, sides));
  }
  process.stdout.write(
    `${[
      `Medians of ${ROUNDS} rounds; Node 24, PostgreSQL on the same machine, ${cpus().length} cores.`,
      '',
      '| First request | Build | Files | MB | Answer after, ms (least) | CPU, ms | Memory, MB |',
      '| --- | --- | ---: | ---: | ---: | ---: | ---: |',
      ...lines,
    ].join('\n')}\n`,
  );
} finally {
  await server.stop();
}

/** With a database that has the migrations of the build's own commit. */
async function environmentOf({ checkout }: Deployment, name: string): Promise<Environment> {
  const admin = new pg.Client(server.url);
  await admin.connect();
  await admin.query(`drop database if exists ${name} with (force)`);
  await admin.query(`create database ${name}`);
  await admin.end();
  const databaseUrl = Object.assign(new URL(server.url), { pathname: `/${name}` }).href;
  const env = { ...process.env, DATABASE_URL: databaseUrl, DATABASE_URL_UNPOOLED: databaseUrl };
  await run(process.execPath, ['--import', 'tsx', 'scripts/migrate.ts'], { cwd: checkout, env });
  const secrets = Object.fromEntries(
    FIRST_REQUESTS.flatMap(({ secret }) => (secret === undefined ? [] : [[secret, SECRET]])),
  );
  return { node, variables: { ...secrets, OPERATOR_SECRET: SECRET, LOG_LEVEL: 'silent', DATABASE_URL: databaseUrl } };
}

/** A line for each side, and their ratios. */
function linesOf(path: string, sides: readonly Side[]): string[] {
  const rows = sides.map(({ deployment, function: name, costs }) => {
    const files = deployment.functions.find((one) => one.name === name)?.files ?? [];
    const median = (key: keyof StartCost) => medianOf(costs.map((cost) => cost[key])) ?? Number.NaN;
    const least = Math.min(...costs.map(({ ms }) => ms));
    const figures = [files.length, bytesOf(files) / 1e6, median('ms'), least, median('cpuMs'), median('mb')];
    return { commit: deployment.commit, figures };
  });
  const line = (of: string, build: string, [files, mb, ms, least, cpuMs, memory]: readonly (string | number)[]) =>
    `| ${of} | ${build} | ${files} | ${mb} | ${ms} (${least}) | ${cpuMs} | ${memory} |`;
  const shown = (figures: readonly number[]) => figures.map((figure, at) => figure.toFixed(at === 1 ? 1 : 0));
  const [old, now] = rows;
  const lines = rows.map(({ commit, figures }) => line(`\`${path}\``, commit, shown(figures)));
  if (!old || !now) return lines;
  const ratios = now.figures.map((figure, at) => (figure / (old.figures[at] as number)).toFixed(2));
  return [...lines, line('', 'ratio', ratios)];
}
