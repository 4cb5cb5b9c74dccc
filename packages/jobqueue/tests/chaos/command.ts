/**
 * `npm run chaos -- --seed S [--minutes M] [--only FAULT…] [--list]`: strikes real drain processes and their server with the faults that the seed
 * draws, checks conservation after each, and ends with a table. Without `--minutes` each fault strikes once. `--soak --minutes M`: no fault, a line a minute.
 */
import { parseArgs } from 'node:util';
import { migrate } from '@conversure/jobqueue/postgres';
import { numbersFrom } from '../simulation/choices.ts';
import { FAULTS, type Fault } from './faults.ts';
import { Network } from './network.ts';
import { nowMs } from './records.ts';
import { ChaosServer } from './server.ts';
import { growth, soak } from './soak.ts';
import { type Round, table } from './table.ts';
import { World } from './world.ts';

const SOAK_MINUTES = 30;
/** Drain processes at a time. */
const PROCESSES = 3;
/** Undisturbed work before each fault: what its throughput is compared with. */
const CALM_MS = 3_000;
/** Every lease that a fault left has long ended by then, with retries behind it. */
const PATIENCE_MS = 120_000;
/** The end of a broken world says what is broken; more lines would hide it. */
const MOST_TOLD = 40;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string' },
    only: { type: 'string', multiple: true, default: [] },
    list: { type: 'boolean', default: false },
    soak: { type: 'boolean', default: false },
  },
});

const chosen = FAULTS.filter(({ name }) => values.only.length === 0 || values.only.some((text) => name.includes(text)));
if (values.list) {
  for (const { name, does } of FAULTS) console.log(`${name}: ${does}`);
} else {
  if (chosen.length === 0)
    throw new Error(`--only: expected a part of ${FAULTS.map(({ name }) => `'${name}'`).join(', ')}`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
  const violations = await chaos(
    number('seed', values.seed),
    values.minutes === undefined ? null : number('minutes', values.minutes),
  );
  if (violations.length > 0) process.exitCode = 1;
}

async function chaos(seed: number, minutes: number | null): Promise<readonly string[]> {
  const random = numbersFrom(seed);
  const until = minutes === null ? null : nowMs() + minutes * 60_000;
  const rounds: Round[] = [];
  const violations: string[] = [];
  const smallDisk =
    !values.soak && chosen.some(({ name, unavailable }) => name === 'full disk' && unavailable?.() === null);
  const server = await ChaosServer.start({ smallDisk, bin: process.env.TEST_POSTGRES_BIN });
  try {
    const network = await Network.inFrontOf(server.port);
    const world = await World.open({ url: server.url(network.port), ask: (text) => server.ask(text) }, seed);
    try {
      await migrate({ url: server.url(), log: () => undefined });
      for (let n = 0; n < PROCESSES; n++) world.startWorker({ keepsLittle: values.soak });
      world.traffic.start();
      await world.isAtWork(PATIENCE_MS);
      if (values.soak) violations.push(...growth(await soak(world, minutes ?? SOAK_MINUTES, console.log)));
      for (const fault of values.soak ? [] : draw(random, until)) {
        const round = await strike(fault, { world, server, network });
        rounds.push(round);
        console.log(`${fault.name}: ${round.did}; ${round.verdict}`);
      }
      const isAtRest = await world.comeToRest(PATIENCE_MS);
      const verdict = await world.verdict({ isAtRest });
      violations.push(...verdict.violations, ...world.violations);
      console.log(values.soak ? '' : `\n${table(rounds)}\n`);
      console.log(
        `seed ${seed}: ${verdict.ended} jobs ended in ${verdict.runs} runs; ${verdict.repeated} runs that had succeeded were repeated, as promised where Postgres had not confirmed them`,
      );
    } finally {
      await world.close();
      await network.close();
    }
  } finally {
    await server.close();
  }
  for (const violation of violations.slice(0, MOST_TOLD)) console.log(`VIOLATED  ${violation}`);
  if (violations.length > 0) console.log(`again: npm run chaos -- --seed ${seed}`);
  return violations;
}

async function strike(fault: Fault, scene: Parameters<Fault['strike']>[0]): Promise<Round> {
  const reason = fault.unavailable?.() ?? null;
  if (reason !== null)
    return { fault: fault.name, did: reason, verdict: 'not run', recoveredMs: null, before: null, after: null };
  const { world } = scene;
  const before = await throughput(world, CALM_MS);
  const did = await fault.strike(scene);
  const struckAt = nowMs();
  const recoveredMs = await world.traffic.withoutOperator(() => world.endOfAllBefore(struckAt, PATIENCE_MS));
  const after = await throughput(world, CALM_MS);
  const { violations } = await world.verdict();
  const words =
    violations.length > 0
      ? `violated: ${violations[0]}`
      : recoveredMs === null
        ? 'violated: jobs are left'
        : 'conserved';
  return { fault: fault.name, did, verdict: words, recoveredMs, before, after };
}

/** Runs that ended in the next so many ms, a second. */
async function throughput(world: World, ms: number): Promise<number> {
  const from = nowMs();
  await new Promise((resolve) => setTimeout(resolve, ms));
  const ended = world.facts().filter(({ what, at }) => what === 'end' && at >= from);
  return (ended.length * 1_000) / (nowMs() - from);
}

/** Each fault once in an order that the seed decides, and again as long as there is time. */
function* draw(random: () => number, until: number | null): Generator<Fault> {
  do {
    const deck = chosen.map((fault) => [random(), fault] as const).sort(([a], [b]) => a - b);
    for (const [, fault] of deck) {
      if (until !== null && nowMs() > until) return;
      yield fault;
    }
  } while (until !== null);
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`expected --${name} to be a number above 0, got '${text}'`);
  return value;
}
