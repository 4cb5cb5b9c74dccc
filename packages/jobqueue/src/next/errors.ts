/** Translates whatever a handler throws into the one JSON error shape of all endpoints. Nothing unforeseen shows its details. */
import { diagnose, inFull } from '../core/diagnosis.ts';
import { QueueError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { addressOf, connectionError } from '../postgres/connection-error.ts';
import { ConnectionError, DatabaseUsageError } from '../postgres/errors.ts';
import { HttpError, MethodNotAllowedError, NotConfiguredError } from './http-error.ts';

/** The platform refuses longer addresses. Whoever reads one parses all of it, so elsewhere the bound is ours. */
export const MAX_ADDRESS_CHARS = 14 * 1024;

/** Options of `endpoint`. */
export interface EndpointOptions {
  /** Hears of failures that the client cannot mend. */
  readonly log: Log;
}

/**
 * Makes a web-standard handler of one that may throw: errors become `{ error: { code, message, issues? } }`, answers are never cached and
 * never sniffed. No answer carries a CORS header, so browsers show none to pages of other sites.
 */
export function endpoint(
  handle: (request: Request) => Promise<Response>,
  { log }: EndpointOptions,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const response = await admitAddress(request)
      .then(() => handle(request))
      .catch((error: unknown) => refusal(error, request, { log }));
    response.headers.set('cache-control', 'no-store');
    response.headers.set('x-content-type-options', 'nosniff');
    return response;
  };
}

async function admitAddress({ url }: Request): Promise<void> {
  if (url.length > MAX_ADDRESS_CHARS)
    throw new HttpError(414, 'address_too_long', `Expected an address of at most ${MAX_ADDRESS_CHARS} characters.`);
}

/** The answer to `error`. The log hears of a secret that is not set and of every unforeseen failure; other refusals are the client's. */
export function refusal(error: unknown, request: Request, { log }: EndpointOptions): Response {
  const noDatabase = error instanceof QueueError ? null : databaseFailure(error);
  const { status, code, message, issues } = noDatabase ? unavailable(error) : translate(error);
  if (status >= 500 && !(error instanceof HttpError))
    log('error', code, { error: noDatabase ?? error, method: request.method, path: new URL(request.url).pathname });
  if (error instanceof NotConfiguredError) log('error', code, { variable: error.variable, advice: error.advice });
  const body = { error: { code, message, ...(issues.length > 0 ? { issues } : {}) } };
  const allow = error instanceof MethodNotAllowedError ? { allow: error.allow } : {};
  return Response.json(body, { status, headers: { ...headersOf(status, code), ...allow } });
}

/** A transaction that holds a key, or a network that lost an answer, is worth another try after this time. */
const RETRY_AFTER_S = 2;

function headersOf(status: number, code: string): Record<string, string> {
  if (status === 401) return { 'www-authenticate': 'Bearer' };
  return code === 'lock_timeout' || code === 'outcome_unknown' ? { 'retry-after': String(RETRY_AFTER_S) } : {};
}

const INTERNAL = new HttpError(500, 'internal', 'Something failed on our side; the log of this deployment says what.');
const NO_DATABASE = new HttpError(500, 'database_unavailable', 'The database does not answer; try again shortly.');

/** Tells the server's own words and their meaning, which name no host, no password and no value. */
function unavailable(error: unknown): HttpError {
  const diagnosis = diagnose(error);
  if (!diagnosis?.answer) return NO_DATABASE;
  return new HttpError(NO_DATABASE.status, NO_DATABASE.code, `The database refuses this: ${inFull(diagnosis)}`);
}

/** True if Postgres itself refused a request that was well-formed: nothing of it was done. */
export function isRefusedByDatabase(error: unknown): boolean {
  return Boolean(diagnose(error)?.answer);
}

/** The error that explains why the database cannot be used, or null if the database is not to blame. It names the host, never the password. */
export function databaseFailure(error: unknown): Error | null {
  if (error instanceof DatabaseUsageError && error.code.startsWith('database_')) return error;
  const address = addressOf(process.env.DATABASE_URL ?? '');
  return connectionError(error, { variable: 'DATABASE_URL', address }) ?? unanswered(error);
}

/** Finds a failed connection that no rule names: the drivers say so, under whatever wrapped them. */
function unanswered(error: unknown): Error | null {
  if (error instanceof ConnectionError) return error;
  return error instanceof Error ? unanswered(error.cause) : null;
}

function translate(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  if (error instanceof QueueError) return new HttpError(statusOf(error), error.code, error.message, error.issues);
  return INTERNAL;
}

function statusOf({ code }: QueueError): number {
  switch (code) {
    case 'unknown_type':
    case 'unknown_schedule':
    case 'payload_invalid':
    case 'option_invalid':
    case 'state_too_large':
      return 400;
    case 'payload_too_large':
    case 'batch_too_large':
      return 413;
    case 'job_unknown':
      return 404;
    case 'other_environment':
    case 'schedule_exists':
    case 'schedule_kind':
    case 'too_many_schedules':
      return 409;
    case 'lock_timeout':
    case 'outcome_unknown':
      return 503;
    case 'wait_timeout':
      return 504;
    case 'database_not_ready':
    case 'job_definition_invalid':
    case 'schedule_definition_invalid':
    case 'transaction_unsupported':
      return 500;
  }
}
