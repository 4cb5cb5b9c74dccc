/** Refusals of the endpoints, with the status that the client gets. */
import type { Issue } from '../core/errors.ts';

/** A refusal that the client may read: `message` says what was expected, `issues` name each mistake. */
export class HttpError extends Error {
  override readonly name: string = 'HttpError';
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

/** The endpoint has no such method: 405, and the `Allow` header names those that it has. */
export class MethodNotAllowedError extends HttpError {
  override readonly name = 'MethodNotAllowedError';
  readonly allow: string;

  constructor(method: string, allow: readonly string[]) {
    super(405, 'method_not_allowed', `Expected ${allow.join(', ')}, got ${method}.`);
    this.allow = allow.join(', ');
  }
}

/**
 * The secret that guards an endpoint is unset or too weak, so the endpoint stays closed. The client gets 503 and learns nothing of it;
 * `variable` is for the log.
 */
export class NotConfiguredError extends HttpError {
  override readonly name = 'NotConfiguredError';
  /** The environment variable (or the option) to set. */
  readonly variable: string;

  constructor(variable: string) {
    super(503, 'not_configured', 'This deployment is not configured for it; its log names what is missing.');
    this.variable = variable;
  }

  /** A sentence for the log: the variable and the rule, never the value. */
  get advice(): string {
    return `${this.variable} is unset or not 16 to 512 visible ASCII characters: what it guards stays closed`;
  }
}
