/** Options that several commands share, and how what was typed becomes a value. */
import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import ms from 'ms';
import { parsedDuration } from '../core/options.ts';
import { actorName, chooseSchema, type Where } from './environment.ts';

export interface Common extends Where {
  readonly json?: true;
}

export interface Acting extends Common {
  readonly as: string;
}

/** Adds the options that name the queue and the output. */
export function onTarget(command: Command): Command {
  return onDatabase(command).option('--url <address>', 'a deployment, by its HTTP API (else JOBQUEUE_URL)');
}

export function onDatabase(command: Command): Command {
  return command
    .option('--database <url>', 'a database: a URL without password, or the name of a variable (else DATABASE_URL)')
    .option(
      '--schema <name>',
      "the schema of the queue's tables (else JOBQUEUE_SCHEMA, or the configuration's)",
      chooseSchema,
    )
    .option('--config <path>', "the app's jobqueue.config.ts (else the one found here or above)")
    .option('--json', 'one JSON document on stdout');
}

/** Adds the option `--as`, the actor in the audit log. */
export function acting(command: Command): Command {
  return onTarget(command).addOption(
    new Option('--as <name>', 'the actor recorded in the audit log').argParser(text(200)).default(actorName(), 'you'),
  );
}

export function confirmed(command: Command): Command {
  return command.option('-y, --yes', 'do not ask');
}

export function whole(min: number, max: number) {
  return (given: string): number => {
    const value = Number(given);
    if (/^\d+$/.test(given) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`expected a whole number from ${min} to ${max}`);
  };
}

/** Milliseconds, of `90s`, `15m`, `2h`, `7d`. */
export function duration(minMs: number, maxMs: number) {
  return (given: string): number => {
    const value = given.length <= 20 && /^\d/.test(given) ? parsedDuration(given) : Number.NaN;
    if (value >= minMs && value <= maxMs) return value;
    throw new InvalidArgumentError(`expected a duration such as 90s or 2h, from ${ms(minMs)} to ${ms(maxMs)}`);
  };
}

/** ISO 8601, of an instant with its zone, or of `2h`: so long ago. */
export function instant(given: string): string {
  if (/^\d+(\.\d+)?\s*[a-z]+$/i.test(given)) {
    const past = parsedDuration(given);
    if (past >= 0) return new Date(Date.now() - past).toISOString();
  }
  if (/^\d{4}-\d\d-\d\d(T.*(Z|[+-]\d\d:?\d\d))?$/.test(given) && !Number.isNaN(Date.parse(given)))
    return new Date(given).toISOString();
  throw new InvalidArgumentError('expected an instant such as 2026-11-25T14:00:00Z, a date, or 2h for so long ago');
}

export function text(chars: number) {
  return (given: string): string => {
    if (given.length >= 1 && given.length <= chars) return given;
    throw new InvalidArgumentError(`expected 1 to ${chars} characters`);
  };
}

export function jobId(given: string): string {
  if (/^[1-9]\d{0,18}$/.test(given)) return given;
  throw new InvalidArgumentError('expected the id of a job: digits');
}

export function several<Value>(parse: (given: string) => Value) {
  return (given: string, before: readonly Value[] = []): readonly Value[] => [...before, parse(given)];
}

/** JSON of an argument, or of stdin for `-`. */
export function jsonOf(given: string): unknown {
  try {
    return JSON.parse(given === '-' ? readFileSync(0, 'utf8') : given);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new InvalidArgumentError('expected JSON');
  }
}

/** Without what is undefined: what was not typed is not sent. */
export function given<Values extends object>(
  values: Values,
): { -readonly [Key in keyof Values]?: Exclude<Values[Key], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { -readonly [Key in keyof Values]?: Exclude<Values[Key], undefined> };
}
