/** Names of types and queues against those that are known: a name that is misspelt is answered with the nearest. */

import type { QueueError } from './errors.ts';
import type { Job } from './job.ts';
import { nearest } from './nearest.ts';
import { refusal } from './options.ts';

/** A pause that names no queue, or no type. */
export const ALL = '*';

/** Checks that the types of a drain are declared here: another deployment's handlers are not at hand. Throws QueueError `unknown_type`. */
export function checkDeclared(jobs: ReadonlyMap<string, Job>, types: readonly string[]): void {
  const unknown = types.find((type) => !jobs.has(type));
  if (unknown !== undefined) throw unknownType('types', unknown, jobs.keys());
}

/** The refusal of a type, with the nearest of those that are known. */
export function unknownType(path: string, type: string, known: Iterable<string>): QueueError {
  return refusal(path, `expected a type that this queue knows, got '${type}'${nearestHint(type, known)}`, {
    code: 'unknown_type',
  });
}

/** The end of a sentence that names those nearest to `name`; nothing if none is near. */
export function nearestHint(name: string, known: Iterable<string>): string {
  const names = nearest(
    name,
    [...known].filter((one) => one !== ALL),
  );
  return names.length === 0 ? '' : `; the nearest: ${names.join(', ')}`;
}
