/** The first request to each function, answered by a process that starts with it, and the table of what functions carry and cost. */
import { text } from 'node:stream/consumers';
import type { BuiltFunction } from './build-output.ts';
import { type Cost, type Environment, startFunction } from './function-process.ts';
import type { Deployment } from './platform-build.ts';
import { bytesOf } from './violations.ts';

export interface FirstRequest {
  readonly function: string;
  readonly path: string;
  readonly method?: 'POST';
  /** The name of the variable whose secret opens it. */
  readonly secret?: string;
  /** The page of a function that serves several, as the router names it. */
  readonly page?: string;
  readonly status: number;
  readonly says: string;
}

/** One for each function. Those that ask the database say so by their answer. */
export const FIRST_REQUESTS: readonly FirstRequest[] = [
  {
    function: 'api/cron/drain',
    path: '/api/cron/drain',
    secret: 'CRON_SECRET',
    status: 200,
    says: '"stopReason":"empty"',
  },
  {
    function: 'api/drain',
    path: '/api/drain',
    method: 'POST',
    secret: 'OPERATOR_SECRET',
    status: 200,
    says: '"stopReason":"empty"',
  },
  { function: 'api/queue', path: '/api/metrics', secret: 'METRICS_SECRET', status: 200, says: '# TYPE' },
  {
    function: 'api/app',
    path: '/api/campaigns?companyId=none',
    secret: 'QUEUE_API_KEY',
    status: 200,
    says: '{"campaigns":[]}',
  },
  { function: '_middleware', path: '/jobs', status: 303, says: '' },
  { function: '[[...path]]', path: '/login', page: '/[[...path]]', status: 200, says: 'Sign in to operate the queue' },
  {
    function: 'campaigns/[id]/recipients',
    path: '/opt-outs/file',
    page: '/opt-outs/file',
    status: 401,
    says: 'Sign in',
  },
  { function: '_not-found', path: '/_not-found', page: '/_not-found', status: 404, says: '<html' },
  { function: 'icon.svg.rsc', path: '/icon.svg', page: '/icon.svg', status: 200, says: '<svg' },
  { function: '_global-error.rsc', path: '/_global-error', page: '/_global-error', status: 200, says: '<html' },
];

/** Throws, with the function's log, if the answer is not the expected one. */
export async function coldStart(
  deployment: Deployment,
  environment: Environment,
  first: FirstRequest,
): Promise<StartCost> {
  const { path, method = 'GET', secret, page, status, says } = first;
  const headers = {
    host: 'queue.example',
    ...(secret && { authorization: `Bearer ${environment.variables[secret]}` }),
    ...(page && { 'x-matched-path': page }),
    ...(method === 'POST' && { 'content-type': 'application/json' }),
  };
  const started = performance.now();
  const instance = startFunction(deployment, first.function, environment);
  const answer = await instance.ask(path, { method, headers, ...(method === 'POST' && { body: '{}' }) });
  const said = await text(answer);
  const ms = performance.now() - started;
  const cost = await instance.stop();
  if (answer.statusCode === status && said.includes(says)) return { ms, ...cost };
  throw new Error(
    `${first.function}, ${path}: expected ${status} with ${says}, got ${answer.statusCode} with ${said.slice(0, 500)}\n${instance.log()}`,
  );
}

export interface StartCost extends Cost {
  /** Time from the start of the process to the whole answer. */
  readonly ms: number;
}

export interface ColdStart extends StartCost {
  readonly function: string;
  readonly driver: string;
}

/** Markdown: a line for each function, with the median of its cold starts over each driver. */
export function tableOf(functions: readonly BuiltFunction[], coldStarts: readonly ColdStart[]): string {
  const drivers = [...new Set(coldStarts.map(({ driver }) => driver))];
  const medianOf = (name: string, driver: string) => {
    const all = coldStarts.filter((one) => one.function === name && one.driver === driver).map(({ ms }) => ms);
    return Math.round(all.sort((a, b) => a - b)[Math.floor(all.length / 2)] as number);
  };
  const lines = functions.map(({ name, files, maxDuration, packages }) => [
    `\`${name}\``,
    maxDuration ?? '–',
    files.length,
    (bytesOf(files) / 1_000_000).toFixed(2),
    packages.length,
    ...drivers.map((driver) => medianOf(name, driver)),
  ]);
  return [
    [
      'Function',
      'maxDuration, s',
      'Files',
      'MB',
      'Packages',
      ...drivers.map((driver) => `Cold start over ${driver}, ms`),
    ],
    ['---', ...Array(4 + drivers.length).fill('---:')],
    ...lines,
  ]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}
