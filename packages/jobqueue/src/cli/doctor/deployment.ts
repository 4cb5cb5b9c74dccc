/** A queue by its API: does it answer, does it accept our secrets, is it well. What it does not show, only its database tells. */
import { Failure, UsageError } from '../failure.ts';
import { packageRoot } from '../load-config.ts';
import type { Target } from '../target.ts';
import { tickPathOf } from './cron.ts';
import { environmentFinding } from './environment.ts';
import { type Finding, ofClock, ok, red, warn } from './finding.ts';
import { healthFindings } from './health.ts';
import { secretFindings } from './secrets.ts';
import { tickFinding } from './tick.ts';

const TIMEOUT_MS = 15_000;
/** The header leaves fractions away. */
const HALF_A_SECOND = 500;

export async function examineDeployment(url: URL, target: Target): Promise<Finding[]> {
  const secrets = secretFindings(['OPERATOR_SECRET', 'QUEUE_API_KEY']);
  const open = await look(url);
  if (open.some(({ name, state }) => name === 'deployment' && state === 'red')) return [...secrets, ...open];
  return [
    ...secrets,
    ...open,
    await tickFinding(url, tickPathOf(packageRoot())),
    ...(await asOperator(target)),
    ...(process.env.QUEUE_API_KEY ? [await asEnqueuer(url, process.env.QUEUE_API_KEY)] : []),
    warn(
      'not over HTTP',
      'not seen: driver, pending migrations and the pooled URL',
      'jobqueue doctor --database, with the environment of that deployment',
    ),
  ];
}

/** Anyone may ask whether it is up. Its clock comes with the answer, to the second. */
async function look(url: URL): Promise<Finding[]> {
  try {
    const response = await fetch(new URL('api/health', withSlash(url)), {
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await response.body?.cancel();
    const answers = `${url.host}/api/health answers ${response.status}`;
    if (response.status !== 200 && response.status !== 503)
      return [red('deployment', answers, 'is this queue deployed there, and open to this machine?')];
    const date = Date.parse(response.headers.get('date') ?? '');
    return [
      ok('deployment', answers),
      ...(Number.isNaN(date) ? [] : [ofClock(date + HALF_A_SECOND - Date.now(), "the deployment's clock")]),
    ];
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const mend = 'check the address, and look for a redirect, a firewall or deployment protection before it';
    return [red('deployment', `no answer from ${url.host}`, mend)];
  }
}

async function asOperator(target: Target): Promise<Finding[]> {
  try {
    const health = healthFindings(await target.health());
    await target.ask({ action: 'schedules' }); // this version's endpoint, and its secret
    return [ok('operator', 'OPERATOR_SECRET is accepted'), await environmentOf(target), ...health];
  } catch (error) {
    if (!(error instanceof Failure || error instanceof UsageError)) throw error;
    return [
      red(
        'operator',
        error.message,
        'set the same OPERATOR_SECRET here and there; a change there needs a new deployment',
      ),
    ];
  }
}

/** A deployment of an older version refuses the question as one that it does not know. */
async function environmentOf(target: Target): Promise<Finding> {
  try {
    return environmentFinding(await target.ask({ action: 'environments' }));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return warn(
      'environment',
      'the deployment does not know environments: every drain may run its jobs',
      'deploy this version',
    );
  }
}

async function asEnqueuer(url: URL, key: string): Promise<Finding> {
  const response = await fetch(new URL('api/jobs?id=1', withSlash(url)), {
    headers: { authorization: `Bearer ${key}` },
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  await response.body?.cancel();
  if (response.status === 200 || response.status === 404) return ok('enqueue', 'QUEUE_API_KEY is accepted');
  const mend = 'set the same QUEUE_API_KEY here and there; a change there needs a new deployment';
  return red('enqueue', `QUEUE_API_KEY is answered with ${response.status}`, mend);
}

function withSlash({ href }: URL): string {
  return href.endsWith('/') ? href : `${href}/`;
}
