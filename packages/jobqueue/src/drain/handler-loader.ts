/** Loads the module of a handler, once in a process, when its type is first claimed. */
import { NonRetryableError } from '../core/errors.ts';
import type { Job, JobContext } from '../core/job.ts';

const loaded = new WeakMap<Job, Promise<{ run: (context: JobContext<unknown>) => Promise<unknown> }>>();

const ready = new WeakSet<Job>();

/**
 * True if the handler's module is loaded, so a run begins at once. Else it starts loading, and calls `wake` when that has
 * succeeded or failed; a failure is reported by the run.
 */
export function isLoaded(definition: Job, wake: () => void): boolean {
  if (ready.has(definition)) return true;
  const over = () => {
    ready.add(definition);
    wake();
  };
  loadHandler(definition).then(over, over);
  return false;
}

/** The handler. Rejects with what its import throws, and with NonRetryableError if the type has none here. */
export async function loadHandler(definition: Job): Promise<(context: JobContext<unknown>) => Promise<unknown>> {
  if (!definition.handler) throw new NonRetryableError(`'${definition.type}' has no handler in this deployment`);
  let module = loaded.get(definition);
  if (!module) {
    module = definition.handler();
    loaded.set(definition, module);
    module.catch(() => loaded.delete(definition)); // a failed import is tried again by the next run, which reports it
  }
  return (await module).run;
}
