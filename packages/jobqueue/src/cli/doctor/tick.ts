/** Calls a deployment's cron path as the platform does, and explains the answer. The platform itself shows nobody what its crons are answered. */
import { type Finding, ok, red, warn } from './finding.ts';

const TIMEOUT_MS = 15_000;
/** The most characters read of an answer: a report has a few hundred bytes, and the beginning of another page is enough. */
const MOST_CHARS = 64 * 1024;

export interface TickAnswer {
  readonly status: number;
  readonly location: string | null;
  /** The body parsed as JSON; null if it is none. */
  readonly json: unknown;
  /** True if the platform's deployment protection answered instead of the app. */
  readonly isProtection: boolean;
  /** True if the secret was sent. */
  readonly hasSecret: boolean;
}

/** `path`: of the cron. Drains nothing: the route of this version answers a probe as soon as it has accepted the secret. */
export async function tickFinding(url: URL, path: string): Promise<Finding> {
  const secret = process.env.CRON_SECRET;
  const at = new URL(path, url.origin);
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const headers = {
    'user-agent': 'vercel-cron/1.0',
    'x-vercel-cron-schedule': '* * * * *',
    'x-jobqueue-probe': '1',
    ...(secret && { authorization: `Bearer ${secret}` }),
  };
  try {
    const response = await fetch(at, { headers, redirect: 'manual', signal });
    const text = (await response.text()).slice(0, MOST_CHARS);
    return explain(at.pathname, {
      status: response.status,
      location: response.headers.get('location'),
      json: parse(text),
      isProtection: isProtection(response, text),
      hasSecret: Boolean(secret),
    });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (error.name !== 'TimeoutError')
      return red('cron path', `${at.pathname}: no answer from ${at.host}`, 'check the address');
    const mend = 'a tick of an older version that runs jobs may take long; otherwise read the log of the deployment';
    return warn('cron path', `${at.pathname} did not answer within ${TIMEOUT_MS / 1_000} s`, mend);
  }
}

/** Pure. */
export function explain(path: string, answer: TickAnswer): Finding {
  const { status, location, json, isProtection, hasSecret } = answer;
  const code = codeOf(json);
  const bad = (detail: string, mend: string) => red('cron path', `${path} ${detail}`, mend);
  if (isProtection)
    return bad(
      `is answered with ${status} by deployment protection, not by the app`,
      'ask the production domain; if that is protected too, except it, or let crons through (Settings, Deployment Protection)',
    );
  if (status >= 300 && status < 400)
    return bad(
      `is redirected (${status}${location === null ? '' : ` to ${withoutQuery(location)}`}), and crons do not follow`,
      'let the proxy (middleware) leave this path out of its matcher; check trailingSlash, basePath and redirects of next.config and vercel.json',
    );
  if (code === 'unauthorized')
    return hasSecret
      ? bad(
          'does not accept this CRON_SECRET',
          'set the same one here and there; a change there needs a new deployment',
        )
      : ok(
          'cron path',
          `${path} answers and is closed without CRON_SECRET. It is not set here, so opening it was not tried`,
        );
  if (code === 'not_configured')
    return bad(
      'is closed: CRON_SECRET is not set there, or too short',
      'set 16 to 512 visible ASCII characters, then deploy',
    );
  if (status === 401 || status === 403)
    return bad(
      `is answered with ${status}, but not by the queue`,
      'a login of the proxy or a firewall is in the way: let this path through',
    );
  if (status === 404)
    return bad(
      'does not exist (404)',
      'the cron route has to be deployed, and the path has to have basePath and trailing slash as next.config says',
    );
  if (status === 405) return bad('takes no GET (405)', 'export const { GET, POST } = cronRoute(queue): crons send GET');
  if (status === 200 && json !== null) return accepted(path, json, hasSecret);
  if (status === 200)
    return bad(
      'answers 200 with a page, not with a report',
      'a rewrite or a catch-all route takes this path: give it to the cron route',
    );
  return bad(`is answered with ${status}`, 'look into the log of the deployment');
}

function accepted(path: string, json: unknown, hasSecret: boolean): Finding {
  if (!hasSecret)
    return red(
      'cron path',
      `${path} is open to everybody: it answers 200 without a secret`,
      'check CRON_SECRET in the route, as cronRoute(queue) does',
    );
  const isProbe = typeof json === 'object' && json !== null && 'probe' in json;
  const did = isProbe ? 'nothing was drained' : 'that was a tick, since the deployment does not know probes yet';
  return ok('cron path', `${path} answers the platform's call and accepts CRON_SECRET; ${did}`);
}

function codeOf(json: unknown): unknown {
  const error = typeof json === 'object' && json !== null && 'error' in json ? json.error : null;
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : null;
}

/** The platform's login page, by its redirect or its cookie. */
function isProtection({ status, headers }: Response, text: string): boolean {
  if (/vercel\.com\/(sso|login)/.test(headers.get('location') ?? '')) return true;
  return (
    status === 401 && (/_vercel_sso_nonce/.test(headers.get('set-cookie') ?? '') || /vercel\.com\/sso-api/.test(text))
  );
}

/** A query may carry what somebody took for a secret. */
function withoutQuery(location: string): string {
  return location.replace(/[?#].*$/s, '').slice(0, 200);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
