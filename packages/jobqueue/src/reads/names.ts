/** Names that operators type, against those that exist: a type that nothing knows is refused, a queue that nothing uses is told. */

import type { Job } from '../core/job.ts';
import { ALL, checkDeclared, nearestHint, unknownType } from '../core/known-names.ts';
import { LIMITS } from '../core/limits.ts';
import type { Executor } from '../postgres/database.ts';
import { namesInUse } from '../postgres/statements/names.ts';

export interface Named {
  readonly type?: string | undefined;
  /** Those that a drain is to run: declared here. */
  readonly types?: readonly string[] | undefined;
  readonly queue?: string | undefined;
}

/** A sentence for each name that may be misspelt; the operation was done all the same. */
export interface Warned {
  readonly warnings: readonly string[];
}

/** As far as a drain's look goes, some 0.3 s. Without lanes beyond it, a name that was not found is not there. */
const MOST_LANES = 100_000;
/** The queue of every job that names none. */
const DEFAULT_QUEUE = 'default';

/**
 * Throws QueueError `unknown_type` for a type that is neither declared here nor live, dead, cancelled, paused, scheduled or run
 * within two days. Answers a warning for a queue of which the same is true: it may be empty just now. No statement if both are declared.
 */
export async function checkNames(
  executor: Executor,
  jobs: ReadonlyMap<string, Job>,
  { type = ALL, types: run = [], queue = ALL }: Named,
): Promise<readonly string[]> {
  checkDeclared(jobs, run);
  const declared = new Set([...jobs.values()].map((job) => job.queue).concat(DEFAULT_QUEUE, ALL));
  const isTypeClear = type === ALL || jobs.has(type) || !isName(type);
  if (isTypeClear && (declared.has(queue) || !isName(queue))) return [];
  const used = await namesInUse(executor, MOST_LANES);
  const types = new Set([...jobs.keys(), ...used.types]);
  if (!isTypeClear && !types.has(type) && used.complete) throw unknownType('type', type, types);
  const queues = new Set([...declared, ...used.queues]);
  return queues.has(queue) || !isName(queue) || !used.complete
    ? []
    : [`no job is in queue '${queue}'${nearestHint(queue, queues)}`];
}

/** True for a possible name. Others are refused where the rest of the options is checked. */
function isName(name: unknown): boolean {
  return typeof name === 'string' && LIMITS.name.pattern.test(name);
}
