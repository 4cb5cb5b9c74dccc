/** Until when this invocation may work: the platform's word, else the configured maximum from now on. */
import { getDeadline } from '@vercel/functions';
import { maxDurationMs } from '../config.ts';

/** Call it first in a handler: without a platform the time counts from here. */
export function requestDeadline(): Date {
  return getDeadline() ?? new Date(Date.now() + maxDurationMs());
}
