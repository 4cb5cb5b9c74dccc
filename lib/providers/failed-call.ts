/** Judges a `fetch` that rejected by its innermost code: can the request have left this machine? */

/** The code that says why: fetch wraps its reasons, and happy eyeballs wrap several. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  if (error.cause instanceof Error) return codeOf(error.cause);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

/** Failures before the first byte of the request: no name, no route, nobody listens, no trust. All others may have been processed. */
export function neverLeft(error: unknown): boolean {
  return NEVER_LEFT.test(codeOf(error));
}

const NEVER_LEFT =
  /^(ECONNREFUSED|ENOTFOUND|EAI_|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|CERT_|ERR_TLS_CERT|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_)/;
