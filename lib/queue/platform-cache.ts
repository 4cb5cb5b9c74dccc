/** Opens the platform's runtime cache. Loaded when a tick first asks it: a deployment that never sleeps does without its library. */
import type { HintCache } from '@conversure/jobqueue';
import { getCache } from '@vercel/functions';

/** Nothing that another deployment wrote counts: it may know other types and schedules. */
export function platformCache(deployment: string): HintCache {
  return getCache({ namespace: `jobqueue-${deployment}` });
}
