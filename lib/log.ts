/** One JSON line per event on stdout. Never a secret, a payload or a statement's parameters. */
import type { Log } from '@conversure/jobqueue';
import { pino } from 'pino';
import { logLevel } from './config.ts';

/**
 * An error as the log may show it. Drivers hang the failing row on `detail`, drizzle puts the parameters into its message:
 * both can be a customer's data, so only the class, the code, and the innermost message and stack are kept.
 */
export function describeError(error: unknown): { name: string; message: string; code?: string; stack?: string } {
  if (!(error instanceof Error)) return { name: typeof error, message: 'a value that is not an Error was thrown' };
  if ('params' in error && error.cause !== undefined) return describeError(error.cause);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return {
    name: error.name,
    message: error.message,
    ...(code === undefined ? {} : { code }),
    ...(error.stack === undefined ? {} : { stack: error.stack }),
  };
}

export const log = pino({
  level: logLevel(),
  base: null, // the platform already labels each line with its function and region
  timestamp: pino.stdTimeFunctions.isoTime,
  formatters: { level: (label) => ({ level: label }) },
  serializers: { err: describeError, error: describeError },
  redact: {
    paths: ['payload', '*.payload', 'authorization', '*.authorization', 'secret', '*.secret', 'params', '*.params'],
    remove: true,
  },
});

/** The same log, as the queue calls it. */
export const logEvent: Log = (level, event, fields) => log[level](fields, event);
