/** Stores the wake hint of this deployment: in the platform's runtime cache or, self-hosted, in the one process that serves and ticks. */

import type { HintCache, SleepOptions } from '@conversure/jobqueue';

function platformCache(deployment: string): HintCache {
  let opened: Promise<HintCache> | undefined;
  const cache = () => {
    opened ??= import('./platform-cache.ts').then((module) => module.platformCache(deployment));
    return opened;
  };
  return {
    get: async (key) => (await cache()).get(key),
    set: async (key, value, options) => (await cache()).set(key, value, options),
  };
}

/** Next.js bundles several module graphs into one process: what an action enqueues must wake the endpoint's ticks. */
const KEY = Symbol.for('conversure.jobqueue.wakeHint');

const shared = globalThis as { [KEY]?: Map<string, unknown> };

function processCache(): HintCache {
  shared[KEY] ??= new Map();
  const entries = shared[KEY];
  return {
    get: async (key) => entries.get(key),
    set: async (key, value) => entries.set(key, value), // two keys, never more
  };
}

export function sleepOptions(
  atMost: number | undefined,
  waitUntil: SleepOptions['waitUntil'],
): { sleep?: SleepOptions } {
  if (atMost === undefined) return {};
  const deployment = process.env.VERCEL_DEPLOYMENT_ID;
  return { sleep: { cache: deployment ? platformCache(deployment) : processCache(), atMost, waitUntil } };
}
