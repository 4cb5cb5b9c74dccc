/** Options by their names: one that nobody knows is refused, because a misspelt option counts as not given. Pure. */
import { QueueError, type QueueErrorCode } from './errors.ts';
import { nearest } from './nearest.ts';

/** All names that an options object may have; the compiler sees that none is missing. */
export type Names<Options> = Readonly<Record<Options extends unknown ? keyof Options : never, true>>;

interface Where {
  /** The beginning of the message, such as `createQueue: `. */
  readonly call?: string;
  /** The path to the object, such as `health.`. */
  readonly at?: string;
  readonly code?: QueueErrorCode;
}

/** Throws QueueError, `option_invalid` unless told otherwise, for a name that is not known: names the nearest. */
export function onlyKnown(options: object, names: Readonly<Record<string, true>>, where: Where = {}): void {
  for (const name in options) if (names[name] !== true) throw unknownOption(name, names, where);
}

function unknownOption(name: string, names: Readonly<Record<string, true>>, where: Where): QueueError {
  const { call = '', at = '', code = 'option_invalid' } = where;
  const shown = name.slice(0, 100);
  const path = `${at}${shown}`;
  const message = `there is no such option; the nearest: ${nearest(shown, Object.keys(names)).join(', ')}`;
  return new QueueError(code, `${call}${path}: ${message}`, { issues: [{ path, message }] });
}
