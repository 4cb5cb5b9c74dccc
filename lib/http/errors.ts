/** From whatever a handler throws to the one JSON error shape of all endpoints. Nothing unforeseen shows its details. */

import { type Issue, QueueError } from '@conversure/jobqueue';
import {
  addressOf,
  ConnectionError,
  connectionError,
  DatabaseUsageError,
  diagnose,
  inFull,
} from '@conversure/jobqueue/postgres';
import { EDGE_LIMITS } from '../config.ts';
import { log } from '../log.ts';

/** A refusal that the client may read: `message` says what was expected. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  readonly code: string;
  readonly issues: readonly Issue[];

  constructor(status: number, code: string, message: string, issues: readonly Issue[] = []) {
    super(message);
    this.status = status;
    this.code = code;
    this.issues = issues;
  }
}

/** Makes a Web-standard handler of one that may throw: `{ error: { code, message, issues? } }`, never cached, never sniffed. */
export function endpoint(handle: (request: Request) => Promise<Response>): (request: Request) => Promise<Response> {
  return async (request) => {
    const response = await admitAddress(request)
      .then(() => handle(request))
      .catch((error: unknown) => refusal(error, request));
    response.headers.set('cache-control', 'no-store');
    response.headers.set('x-content-type-options', 'nosniff');
    return response;
  };
}

async function admitAddress({ url }: Request): Promise<void> {
  if (url.length > EDGE_LIMITS.addressChars)
    throw new HttpError(
      414,
      'address_too_long',
      `Expected an address of at most ${EDGE_LIMITS.addressChars} characters.`,
    );
}

/** The answer to `error`. What the client cannot mend is logged, unless whoever threw it chose its words and logged them. */
export function refusal(error: unknown, request: Request): Response {
  const noDatabase = error instanceof QueueError ? null : databaseFailure(error);
  const { status, code, message, issues } = noDatabase ? unavailable(error) : translate(error);
  if (status >= 500 && !(error instanceof HttpError))
    log.error({ error: noDatabase ?? error, method: request.method, path: new URL(request.url).pathname }, code);
  const body = { error: { code, message, ...(issues.length > 0 ? { issues } : {}) } };
  return Response.json(body, { status, headers: headersOf(status, code) });
}

/** A transaction that holds a key, or a network that lost an answer, is worth another try after this long. */
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

/** Postgres itself said no to something that was asked for rightly: nothing of it was done. */
export function isRefusedByDatabase(error: unknown): boolean {
  return Boolean(diagnose(error)?.answer);
}

/** The error that says what is wrong with the database as a whole, if that is to blame; it names the host, never the password. */
export function databaseFailure(error: unknown): Error | null {
  if (error instanceof DatabaseUsageError && error.code.startsWith('database_')) return error;
  const address = addressOf(process.env.DATABASE_URL ?? '');
  return connectionError(error, { variable: 'DATABASE_URL', address }) ?? unanswered(error);
}

/** What no rule names is a failed connection all the same: the drivers say so, under whatever wrapped them. */
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
