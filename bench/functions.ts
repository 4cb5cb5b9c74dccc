/**
 * `npm run bench:functions`: builds the last commit with the platform's command line, runs each function alone on Node 24 over PostgreSQL,
 * and prints what it carries and what its cold start costs. `--base` measures an older commit's endpoints beside it.
 */
import { spawn } from 'node:child_process';
import { cpus } from 'node:os';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { type Emitted, type EmittedFunction, emit, run } from './functions/emit.ts';
import { NODE, requirePeers } from './queues.ts';
import { startBenchServer } from './server.ts';
import { median as medianOf } from './table.ts';

/** The most functions that a Hobby project deploys. */
const MOST_FUNCTIONS = 12;
const SECRET = 'a-secret-of-the-benchmark';
const LAUNCH = fileURLToPath(new URL('./functions/launch.mjs', import.meta.url));
/** Far more than the slowest cold start on a busy machine. */
const LIMIT_MS = 60_000;

const { values: options } = parseArgs({
  options: { base: { type: 'string' }, rounds: { type: 'string', default: '12' } },
});
const ROUNDS = Number(options.rounds);
if (!Number.isInteger(ROUNDS) || ROUNDS < 1) throw new Error(`--rounds: expected 1 or more, got ${options.rounds}`);

interface Ask {
  /** The function that is deployed. */
  readonly of: string;
  readonly method?: 'GET' | 'POST';
  readonly path: string;
  /** The page of a function that serves several, as the platform's router names it. */
  readonly page?: string;
  readonly body?: object;
  readonly status: number;
  readonly says: string;
  /** Its cold start is measured. */
  readonly isCold?: boolean;
}

interface Answer {
  readonly status: number;
  readonly text: string;
  /** Time from the start of the process to the whole answer. */
  readonly ms: number;
  readonly cpuMs: number;
  /** The most memory that the process held. */
  readonly mb: number;
}

interface Deployed extends Emitted {
  readonly databaseUrl: string;
}

/** As Meta asks for it. */
const HANDSHAKE = `hub.mode=subscribe&hub.verify_token=${SECRET}&hub.challenge=seen`;

/** In this order: a job comes in, a tick runs it, and everybody sees that it did. Every function is asked at least once. */
const JOURNEY: readonly Ask[] = [
  {
    of: 'api/queue',
    method: 'POST',
    path: '/api/jobs',
    body: { type: 'crm_reconcile', payload: {} },
    status: 201,
    says: '"id":"1"',
  },
  { of: 'api/cron/drain', path: '/api/cron/drain', status: 200, says: '"completed":1', isCold: true },
  { of: 'api/queue', path: '/api/jobs?id=1', status: 200, says: '"status":"COMPLETED"' },
  { of: 'api/queue', path: '/api/health', status: 200, says: '"status":"ok"', isCold: true },
  { of: 'api/queue', path: '/api/metrics', status: 200, says: '# TYPE', isCold: true },
  { of: 'api/queue', method: 'POST', path: '/api/operator', body: { action: 'overview' }, status: 200, says: '{' },
  { of: 'api/drain', method: 'POST', path: '/api/drain', body: {}, status: 200, says: '"stopReason":"empty"' },
  { of: 'api/app', path: '/api/campaigns?companyId=none', status: 200, says: '{"campaigns":[]}', isCold: true },
  { of: 'api/app', path: `/api/webhooks/whatsapp?${HANDSHAKE}`, status: 200, says: 'seen' },
  { of: '_middleware', path: '/jobs', status: 303, says: '' },
  {
    of: '[[...path]]',
    path: '/login',
    page: '/[[...path]]',
    status: 200,
    says: 'Sign in to operate the queue',
    isCold: true,
  },
  { of: 'campaigns/[id]/recipients', path: '/opt-outs/file', page: '/opt-outs/file', status: 401, says: 'Sign in' },
  { of: '_not-found', path: '/_not-found', page: '/_not-found', status: 404, says: '<html' },
  { of: 'icon.svg.rsc', path: '/icon.svg', page: '/icon.svg', status: 200, says: '<svg' },
  { of: '_global-error.rsc', path: '/_global-error', page: '/_global-error', status: 200, says: '<html' },
];

/** The endpoints of `--base`, each a function of its own then. */
const BASE = ['api/cron/drain', 'api/health', 'api/metrics'];

const head = await emit('HEAD');
const base = options.base === undefined ? null : await emit(options.base, BASE);
requirePeers();
const server = await startBenchServer(process.env.DATABASE_URL);
try {
  const deployed = await deploy(head, 'jobqueue_functions_head');
  await walk(deployed);
  const before = base && (await deploy(base, 'jobqueue_functions_base'));
  process.stdout.write(`${await report(deployed, before)}\n`);
} finally {
  await server.stop();
}
if (head.functions.length > MOST_FUNCTIONS)
  throw new Error(`expected at most ${MOST_FUNCTIONS} functions, got ${head.functions.length}`);

/** A database with the migrations of the build's own commit. */
async function deploy(emitted: Emitted, name: string): Promise<Deployed> {
  const admin = new pg.Client(server.url);
  await admin.connect();
  await admin.query(`drop database if exists ${name} with (force)`);
  await admin.query(`create database ${name}`);
  await admin.end();
  const databaseUrl = Object.assign(new URL(server.url), { pathname: `/${name}` }).href;
  const env = { ...process.env, DATABASE_URL: databaseUrl, DATABASE_URL_UNPOOLED: databaseUrl };
  await run(process.execPath, ['--import', 'tsx', 'scripts/migrate.ts'], { cwd: emitted.checkout, env });
  return { ...emitted, databaseUrl };
}

/** Each request to a new process, so that every function starts from nothing. */
async function walk(deployed: Deployed): Promise<void> {
  const unasked = deployed.functions.filter(({ name }) => !JOURNEY.some(({ of }) => of === name));
  if (unasked.length > 0) throw new Error(`no request is known for ${unasked.map(({ name }) => name).join(', ')}`);
  for (const ask of JOURNEY) {
    const { status, text } = await start(deployed, functionOf(deployed, ask.of), ask);
    if (status !== ask.status || !text.includes(ask.says))
      throw new Error(`${ask.path}: expected ${ask.status} with ${ask.says}, got ${status} with ${text.slice(0, 500)}`);
  }
}

function start({ databaseUrl }: Deployed, { handler }: EmittedFunction, ask: Ask): Promise<Answer> {
  const { method = 'GET', path, page, body } = ask;
  const headers = {
    authorization: `Bearer ${SECRET}`,
    ...(page && { 'x-matched-path': page }),
    ...(body && { 'content-type': 'application/json' }),
  };
  const env: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    NODE_ENV: 'production',
    VERCEL: '1',
    LOG_LEVEL: 'silent',
    DATABASE_URL: databaseUrl,
    CRON_SECRET: SECRET,
    OPERATOR_SECRET: SECRET,
    QUEUE_API_KEY: SECRET,
    WHATSAPP_VERIFY_TOKEN: SECRET,
  };
  const request = {
    handler,
    method,
    path,
    headers,
    ...(body && { body: JSON.stringify(body) }),
    spawnedAt: Date.now(),
  };
  const child = spawn(NODE, [LAUNCH, JSON.stringify(request)], {
    env,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  const said = textOf(child.stderr);
  const told = textOf(child.stdio[3]);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => {
      if (told() === '') reject(new Error(`${path}: the function ended without an answer: ${said()}`));
      else resolve(JSON.parse(told()));
    });
  });
}

function textOf(stream: unknown): () => string {
  let text = '';
  (stream as Readable).setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  return () => text;
}

function functionOf({ functions, commit }: Emitted, name: string): EmittedFunction {
  const found = functions.find((one) => one.name === name);
  if (found === undefined) throw new Error(`expected ${commit} to have a function ${name}`);
  return found;
}

async function report(deployed: Deployed, before: Deployed | null): Promise<string> {
  const sizes = deployed.functions.map(
    ({ name, isOfNext, maxDuration, files, bytes }) =>
      `| \`${name}\` | ${isOfNext ? 'Next.js' : 'api/'} | ${maxDuration ?? '–'} | ${files} | ${megabytes(bytes)} |`,
  );
  const starts: string[] = [];
  for (const ask of JOURNEY.filter(({ isCold }) => isCold)) {
    const older = before?.functions.find(({ name }) => `/${name}` === ask.path);
    starts.push(...(await coldStarts(ask, deployed, before && older ? { deployed: before, older } : null)));
  }
  return [
    `${deployed.functions.length} functions of ${deployed.commit}. Medians of ${ROUNDS} rounds${before ? `, interleaved with ${before.commit}` : ''}; Node 24, PostgreSQL on the same machine, ${cpus().length} cores.`,
    '',
    '| Function | Of | maxDuration, s | Files | MB |',
    '| --- | --- | --- | --- | --- |',
    ...sizes,
    '',
    '| First request | Build | Files | MB | Answer after, ms (least) | CPU, ms | Memory, MB |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...starts,
  ].join('\n');
}

/** The lines of both builds and their ratio. They take turns, so that a machine which slows down is in both. */
async function coldStarts(
  ask: Ask,
  deployed: Deployed,
  before: { deployed: Deployed; older: EmittedFunction } | null,
): Promise<string[]> {
  const sides = [
    ...(before ? [{ deployed: before.deployed, one: before.older, answers: [] as Answer[] }] : []),
    { deployed, one: functionOf(deployed, ask.of), answers: [] as Answer[] },
  ];
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const { deployed, one, answers } of round % 2 ? sides : sides.toReversed()) {
      const answer = await start(deployed, one, ask);
      if (round > 0) answers.push(answer); // the first fills the machine's file cache
    }
  }
  const rows = sides.map(({ deployed: { commit }, one: { files, bytes }, answers }) => {
    const of = (key: 'ms' | 'cpuMs' | 'mb') => answers.map((answer) => answer[key]);
    return {
      commit,
      files,
      bytes,
      ms: median(of('ms')),
      least: Math.min(...of('ms')),
      cpuMs: median(of('cpuMs')),
      mb: median(of('mb')),
    };
  });
  const lines = rows.map(
    ({ commit, files, bytes, ms, least, cpuMs, mb }) =>
      `| \`${ask.path}\` | ${commit} | ${files} | ${megabytes(bytes)} | ${Math.round(ms)} (${Math.round(least)}) | ${Math.round(cpuMs)} | ${Math.round(mb)} |`,
  );
  const [old, now] = rows;
  if (!old || !now) return lines;
  const ratio = (key: 'files' | 'bytes' | 'ms' | 'least' | 'cpuMs' | 'mb') => (now[key] / old[key]).toFixed(2);
  return [
    ...lines,
    `| | ratio | ${ratio('files')} | ${ratio('bytes')} | ${ratio('ms')} (${ratio('least')}) | ${ratio('cpuMs')} | ${ratio('mb')} |`,
  ];
}

function median(values: readonly number[]): number {
  return medianOf(values) ?? Number.NaN;
}

function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(1);
}
