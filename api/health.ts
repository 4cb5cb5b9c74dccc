/** GET /api/health: up or not for everyone, the details for the operator. */

import type { Health } from '@conversure/jobqueue';
import { authorize, hasBearer, sharedAnswer } from '@conversure/jobqueue/next';
import { databaseFailure, endpoint } from '../lib/http/errors.ts';
import { log } from '../lib/log.ts';
import { queue } from '../lib/queue/index.ts';

/** Anyone may ask, as often as they like: the answer to one is that to all who ask within the same second. */
const health = sharedAnswer(look, { forMs: 1_000 });

export const GET = endpoint(async (request) => {
  const asOperator = hasBearer(request);
  if (asOperator) authorize(request, 'OPERATOR_SECRET');
  const { status, checks } = await (asOperator ? look() : health());
  const shown = asOperator ? checks : checks.map(({ name }) => name);
  return Response.json({ status, checks: shown }, { status: status === 'ok' ? 200 : 503 });
});

async function look(): Promise<Health> {
  try {
    return await queue.health();
  } catch (error) {
    const failure = databaseFailure(error);
    if (failure === null) throw error;
    log.error({ error: failure }, 'health');
    const nothing = { value: null, limit: null, next: null, page: '/', url: null };
    const database = { name: 'database', ok: false, detail: failure.message, ...nothing };
    return { status: 'failing', checks: [database] };
  }
}
