/** GET and POST /api/connections: which connections to remote systems wait for an operator, a look whether one works, and resuming it. */
import { authorize, ROUTE_LIMITS, readJson } from '@conversure/jobqueue/next';
import { database } from '@conversure/jobqueue/postgres';
import { z } from 'zod';
import { checkConnection } from '../../lib/connections/check.ts';
import { PROVIDERS, pausedConnections, resumeConnection } from '../../lib/connections/connection.ts';
import { waitingJobs } from '../../lib/connections/waiting.ts';
import { text } from '../../lib/fields.ts';
import { endpoint } from '../../lib/http/errors.ts';
import { queue } from '../../lib/queue/index.ts';

const request = z.strictObject({
  companyId: text(100).min(1),
  provider: z.enum(PROVIDERS),
  action: z.enum(['resume', 'check']).default('resume'),
});
/** Longer than any of the calls takes. */
const CHECK_MS = 30_000;

export const GET = endpoint(async (request) => {
  authorize(request, 'OPERATOR_SECRET');
  return Response.json({ paused: await pausedConnections(database()) });
});

export const POST = endpoint(async (asked) => {
  authorize(asked, 'OPERATOR_SECRET');
  const { action, ...connection } = await readJson(asked, request, { maxBytes: ROUTE_LIMITS.requestBytes });
  await queue.audit({ actor: 'operator', action: `connection.${action}`, details: connection });
  if (action === 'resume') {
    const resumed = await resumeConnection(database(), connection);
    return Response.json({ resumed, waiting: await waitingJobs(database(), connection) });
  }
  const wrong = await checkConnection(database(), connection, AbortSignal.timeout(CHECK_MS));
  return Response.json({ works: wrong === null, ...(wrong !== null && { reason: wrong }) });
});
