/** State that a process has once, although bundlers such as Next.js' put several copies of this package into it. */

/** The value under this name, which the first copy that asks makes. What it holds must not change its shape between versions. */
export function processGlobal<Value>(name: string, make: () => Value): Value {
  const key = Symbol.for(`conversure.jobqueue.${name}`);
  const shared = globalThis as { [key: symbol]: Value | undefined };
  shared[key] ??= make();
  return shared[key];
}
