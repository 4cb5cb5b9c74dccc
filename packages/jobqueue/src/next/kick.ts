/** The platform's `waitUntil` for `createQueue({ kick })`, found without a dependency. */
import { logToStderr } from '../core/log.ts';
import type { KickOptions } from '../drain/kick.ts';
import { platformDeadline, waitUntil } from './platform.ts';

/**
 * The `kick` option for apps on Next.js or Vercel: `createQueue({ kick: kickAfter() })`, then `queue.kick()` after a commit. The platform keeps the
 * invocation alive behind the answer, as `after` of next/server and `waitUntil` of @vercel/functions do; a server that runs on anyway needs
 * nothing. `failed` hears of a drain that could not reach Postgres; default: one line on stderr.
 */
export function kickAfter({ failed = logFailure }: Partial<Pick<KickOptions, 'failed'>> = {}): KickOptions {
  return { waitUntil, deadline: platformDeadline, failed };
}

function logFailure(error: unknown): void {
  logToStderr('error', 'kick', { error });
}
