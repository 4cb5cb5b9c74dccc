/** POST /api/operator: what operators look at and do, one action a request; for the command line. Every change is in the audit log. */

import { operatorRequest, perform } from '@conversure/jobqueue';
import { authorize, requestDeadline } from '@conversure/jobqueue/next';
import { EDGE_LIMITS, maxDurationMs } from '../lib/config.ts';
import { readJson } from '../lib/http/body.ts';
import { endpoint } from '../lib/http/errors.ts';
import { queue } from '../lib/queue/index.ts';

/** Long work answers with how far it came and is asked for again: whoever waits sees it move, and no connection is cut. */
const SLICE_MS = 20_000;
/** For the slice under way, and the answer. */
const RESERVE_MS = 5_000;

export const POST = endpoint(async (request) => {
  const leftMs = requestDeadline(maxDurationMs()).getTime() - Date.now() - RESERVE_MS;
  authorize(request, 'OPERATOR_SECRET');
  const action = await readJson(request, operatorRequest, { maxBytes: EDGE_LIMITS.drainBodyBytes });
  const signal = AbortSignal.timeout(Math.max(1, Math.min(leftMs, SLICE_MS)));
  return Response.json(await perform(queue, action, { signal }));
});
