/** Ends a command that cannot work: exit code 2 for wrong usage, 1 for everything else. Prints one message, no stack, no secret. */
import { CommanderError } from 'commander';
import { QueueError, type QueueErrorCode } from '../core/errors.ts';
import { UnusableDatabaseError } from '../postgres/connection-error.ts';
import { ConnectionError, DatabaseUsageError, MigrationError } from '../postgres/errors.ts';

/** Wrong usage: the arguments are invalid. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** It was meant, and did not work: the message says what to do. */
export class Failure extends Error {
  override readonly name = 'Failure';
}

/** Codes by which a queue, near or far, refuses what the caller wrote. */
const CALLERS_MISTAKE: readonly string[] = [
  'option_invalid',
  'unknown_type',
  'payload_invalid',
  'payload_too_large',
  'batch_too_large',
] satisfies QueueErrorCode[];

export function isCallersMistake(code: string): boolean {
  return CALLERS_MISTAKE.includes(code) || code === 'request_invalid';
}

/** Says on stderr what went wrong, and answers the exit code. */
export function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // it has spoken already
  if (error instanceof UsageError || (error instanceof QueueError && isCallersMistake(error.code))) {
    console.error(`jobqueue: ${error.message}`);
    return 2;
  }
  console.error(isExplained(error) ? `jobqueue: ${error.message}` : error);
  return 1;
}

function isExplained(error: unknown): error is Error {
  const explained = [Failure, QueueError, UnusableDatabaseError, DatabaseUsageError, ConnectionError, MigrationError];
  return explained.some((kind) => error instanceof kind);
}
