/** A queue by its deployment's API. Sends a secret only to the address it was given, repeats nothing, and reads bounded answers. */
import type { DrainReport, Health, HealthCheck, Preview, Warned } from '../index.ts';
import { bearer } from './environment.ts';
import { Failure, isCallersMistake, UsageError } from './failure.ts';
import type { Target } from './target.ts';

/** A page of 500 jobs is some 300 KB; one job with payload and errors can reach 2 MB. */
const MOST_BYTES = 16 * 1024 * 1024;
/** An action answers within 25 s; the rest is the way there. */
const ASK_MS = 60_000;
/** A drain takes as long as a function may, at most an hour. */
const DRAIN_MS = 3_660_000;

interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly issues: readonly { readonly path: string; readonly message: string }[];
}

export function httpTarget(base: URL): Target {
  const call = caller(base);
  return {
    kind: 'http',
    knowsTypes: true,
    name: base.host,
    ask: async (request, { signal } = {}) =>
      (await call('operator', { secret: 'OPERATOR_SECRET', body: request, ...(signal && { signal }) })) as never,
    async enqueue(job) {
      const answer = await call('jobs', { secret: 'QUEUE_API_KEY', body: job });
      const { id, duplicate = false } = isObject(answer) ? answer : {};
      if (typeof id === 'string') return { id, duplicate: duplicate === true };
      throw new Failure(`${base.host} gave an unexpected answer: is it a deployment of this queue?`);
    },
    drain: async (request, { signal } = {}) =>
      (await call('drain', {
        secret: 'OPERATOR_SECRET',
        body: request,
        timeoutMs: DRAIN_MS,
        ...(signal && { signal }),
      })) as DrainReport & Warned,
    foresee: async ({ queue, types, includePaused = false }) =>
      (await call('drain', {
        secret: 'OPERATOR_SECRET',
        body: { dryRun: true, ...(queue !== undefined && { queue }), ...(types && { types }), includePaused },
      })) as Preview & Warned,
    async health() {
      const health = healthOf(await call('health', { secret: 'OPERATOR_SECRET', mayFail: true }));
      if (health !== null) return health;
      throw new Failure(`${base.host} gave an unexpected answer about its health: is it a deployment of this queue?`);
    },
    close: async () => {},
  };
}

interface Call {
  readonly secret: 'OPERATOR_SECRET' | 'QUEUE_API_KEY';
  /** Without one it is a GET. */
  readonly body?: object;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** A 503 with a body of the endpoint's own is an answer. */
  readonly mayFail?: boolean;
}

function caller(base: URL): (endpoint: string, call: Call) => Promise<unknown> {
  return async (endpoint, { secret, body, timeoutMs = ASK_MS, signal, mayFail = false }) => {
    const token = bearer(secret);
    if (token === undefined)
      throw new UsageError(
        `${secret} is not set: set that of ${base.host} in the environment (flags never carry secrets)`,
      );
    const url = new URL(`api/${endpoint}`, base.href.endsWith('/') ? base.href : `${base.href}/`);
    const timeout = AbortSignal.timeout(timeoutMs);
    const response = await fetch(url, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      redirect: 'error', // wherever that leads, it is not who the secret was meant for
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    }).catch((error: unknown) => {
      throw new Failure(`no answer from ${base.host}: ${reasonOf(error)}`, { cause: error });
    });
    const answer = await readAnswer(response, base.host);
    if (response.ok || (mayFail && healthOf(answer) !== null)) return answer;
    throw refused(response.status, answer, { secret, host: base.host });
  };
}

async function readAnswer(response: Response, host: string): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MOST_BYTES)
      throw new Failure(`${host} answered more than ${MOST_BYTES} bytes: ask for less with --limit`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new Failure(
      `${host} answered ${response.status} and no JSON: is there a deployment of this queue, open to this machine?`,
    );
  }
}

function refused(status: number, answer: unknown, { secret, host }: { secret: string; host: string }): Error {
  const told = refusalOf(answer);
  if (told === null)
    return new Failure(`${host} answered ${status} with an unexpected body: is it a deployment of this queue?`);
  const { code, message, issues } = told;
  if (status === 401) return new Failure(`${host} does not accept this ${secret}`);
  if (code === 'not_configured')
    return new Failure(`${host} has no ${secret}: set it there (16 to 512 characters) and deploy`);
  if (code === 'not_found' && message.includes('endpoint'))
    return new Failure(`${host} runs a version without this endpoint: deploy this one, or use --database`);
  const words = [message, ...issues.map((issue) => `${issue.path}: ${issue.message}`)].join('\n  ');
  return isCallersMistake(code) ? new UsageError(words) : new Failure(words);
}

function refusalOf(answer: unknown): Refusal | null {
  const { code, message, issues = [] } = isObject(answer) && isObject(answer.error) ? answer.error : {};
  if (typeof code !== 'string' || typeof message !== 'string' || !Array.isArray(issues)) return null;
  const isIssue = (issue: unknown) =>
    isObject(issue) && typeof issue.path === 'string' && typeof issue.message === 'string';
  return issues.every(isIssue) ? { code, message, issues } : null;
}

/** Null if it is none. A deployment of an older version says less of each check. */
function healthOf(answer: unknown): Health | null {
  if (!isObject(answer) || (answer.status !== 'ok' && answer.status !== 'failing')) return null;
  if (!Array.isArray(answer.checks) || !answer.checks.every(isCheck)) return null;
  const checks = answer.checks.map((check: Partial<HealthCheck>) => ({ ...SAYS_NO_MORE, ...check }) as HealthCheck);
  return { status: answer.status, checks };
}

const SAYS_NO_MORE = { next: null, page: '/', url: null } as const;

function isCheck(check: unknown): check is HealthCheck {
  if (!isObject(check)) return false;
  const isMeasure = (value: unknown) => value === null || typeof value === 'number';
  const isText = (value: unknown) => value === undefined || value === null || typeof value === 'string';
  const { name, ok, detail, next, page, url, value, limit } = check;
  return (
    [name, detail].every((text) => typeof text === 'string') &&
    typeof ok === 'boolean' &&
    [next, page, url].every(isText) &&
    [value, limit].every(isMeasure)
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'the connection failed';
  if (error.name === 'TimeoutError') return 'it took too long; the request may have been executed';
  if (error.cause instanceof AggregateError) return error.cause.errors.map(reasonOf).join(', ');
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message;
}
