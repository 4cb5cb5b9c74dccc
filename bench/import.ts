/**
 * `npm run bench:import`: what a fresh process pays to import the package's entries, beside graphile-worker and pg-boss. Every import is a
 * process of its own, and all of them take turns. `--node` names another Node than the one that runs this.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { requirePeers } from './queues.ts';
import { median } from './table.ts';

const { values: options } = parseArgs({
  options: { node: { type: 'string', default: process.execPath }, rounds: { type: 'string', default: '15' } },
});
const ROUNDS = Number(options.rounds);
if (!Number.isInteger(ROUNDS) || ROUNDS < 1) throw new Error(`--rounds: expected 1 or more, got ${options.rounds}`);

const OURS = fileURLToPath(new URL('../packages/jobqueue', import.meta.url));
const PEERS = fileURLToPath(new URL('./peers', import.meta.url));

interface Imported {
  readonly name: string;
  /** Its package is found from here. */
  readonly folder: string;
}

const NOTHING: Imported = { name: 'node:process', folder: OURS };
const IMPORTS: readonly Imported[] = [
  { name: '@conversure/jobqueue', folder: OURS },
  { name: '@conversure/jobqueue/postgres', folder: OURS },
  { name: '@conversure/jobqueue/next', folder: OURS },
  { name: 'graphile-worker', folder: PEERS },
  { name: 'pg-boss', folder: PEERS },
  NOTHING,
];

interface Cost {
  readonly ms: number;
  readonly cpuMs: number;
  /** The process's memory after the import, Node's own included. */
  readonly mb: number;
}

const PROGRAM = `
  const name = process.argv[1];
  const cpu = process.cpuUsage();
  const begun = performance.now();
  await import(name);
  const ms = performance.now() - begun;
  const { user, system } = process.cpuUsage(cpu);
  console.log(JSON.stringify({ ms, cpuMs: (user + system) / 1_000, mb: process.memoryUsage.rss() / 1e6 }));
`;

function costOf({ name, folder }: Imported): Cost {
  const args = ['--input-type=module', '--eval', PROGRAM, name];
  const env = { PATH: process.env.PATH, NODE_ENV: 'production' } as const;
  return JSON.parse(execFileSync(options.node, args, { cwd: folder, env, encoding: 'utf8' }));
}

function figures(costs: readonly Cost[], of: keyof Cost): string {
  const values = costs.map((cost) => cost[of]);
  return `${Math.round(median(values) ?? Number.NaN)} (${Math.round(Math.min(...values))})`;
}

requirePeers();
const costs = new Map<Imported, Cost[]>(IMPORTS.map((imported) => [imported, []]));
// The first import of each finds cold files, which is the machine's matter.
for (const imported of IMPORTS) costOf(imported);
for (let round = 0; round < ROUNDS; round += 1) {
  for (const n of IMPORTS.keys()) {
    const imported = IMPORTS[(n + round) % IMPORTS.length] ?? NOTHING;
    costs.get(imported)?.push(costOf(imported));
  }
}

const version = execFileSync(options.node, ['--version'], { encoding: 'utf8' }).trim();
console.log(`Node ${version}, medians of ${ROUNDS} rounds (least)\n`);
console.log('| Import | ms | CPU, ms | Memory, MB |');
console.log('| --- | ---: | ---: | ---: |');
for (const [{ name }, all] of costs) {
  const what = name === NOTHING.name ? 'nothing' : `\`${name}\``;
  console.log(`| ${what} | ${figures(all, 'ms')} | ${figures(all, 'cpuMs')} | ${figures(all, 'mb')} |`);
}
