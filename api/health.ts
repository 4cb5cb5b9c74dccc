/** GET /api/health: up or not for everyone, the details for the operator. */
import { authorize, hasBearer } from '../lib/http/auth.ts';
import { databaseFailure, endpoint } from '../lib/http/errors.ts';
import type { Health } from '../lib/jobqueue/index.ts';
import { log } from '../lib/log.ts';
import { queue } from '../lib/queue/index.ts';

export const GET = endpoint(async (request) => {
  const asOperator = hasBearer(request);
  if (asOperator) authorize(request, 'OPERATOR_SECRET');
  const { status, checks } = await health();
  const shown = asOperator ? checks : checks.map(({ name }) => name);
  return Response.json({ status, checks: shown }, { status: status === 'ok' ? 200 : 503 });
});

async function health(): Promise<Health> {
  try {
    return await queue.health();
  } catch (error) {
    const failure = databaseFailure(error);
    if (failure === null) throw error;
    log.error({ error: failure }, 'health');
    const database = { name: 'database', ok: false, detail: failure.message, value: null, limit: null };
    return { status: 'failing', checks: [database] };
  }
}
