/** GET and POST /api/connections: which connections to remote systems wait for an operator, and resuming one that was mended. */
import { z } from 'zod';
import { database } from '../db/client.ts';
import { EDGE_LIMITS } from '../lib/config.ts';
import { PROVIDERS, pausedConnections, resumeConnection } from '../lib/connections/connection.ts';
import { text } from '../lib/fields.ts';
import { authorize } from '../lib/http/auth.ts';
import { readJson } from '../lib/http/body.ts';
import { endpoint } from '../lib/http/errors.ts';
import { queue } from '../lib/queue/index.ts';

const resumption = z.strictObject({ companyId: text(100).min(1), provider: z.enum(PROVIDERS) });

export const GET = endpoint(async (request) => {
  authorize(request, 'OPERATOR_SECRET');
  return Response.json({ paused: await pausedConnections(database()) });
});

export const POST = endpoint(async (request) => {
  authorize(request, 'OPERATOR_SECRET');
  const connection = await readJson(request, resumption, { maxBytes: EDGE_LIMITS.drainBodyBytes });
  await queue.audit({ actor: 'operator', action: 'connection.resume', details: connection });
  return Response.json({ resumed: await resumeConnection(database(), connection) });
});
