/** GET and POST /api/drafts: replies that wait for a person, one of them with its conversation, and what the person decides. */
import { authorize, ROUTE_LIMITS, readJson, readQuery } from '@conversure/jobqueue/next';
import { drafts } from '../../lib/ai/index.ts';
import * as schema from '../../lib/ai/request.ts';
import { endpoint, HttpError } from '../../lib/http/errors.ts';
import { queue } from '../../lib/queue/index.ts';

export const GET = endpoint(async (request) => {
  authorize(request, 'OPERATOR_SECRET');
  const query = readQuery(request, schema.draftsQuery);
  if (!('id' in query)) return Response.json(await drafts.page(query));
  const draft = await drafts.read(query.id);
  if (draft === null) throw new HttpError(404, 'not_found', `There is no draft ${query.id}.`);
  return Response.json(draft);
});

export const POST = endpoint(async (request) => {
  authorize(request, 'OPERATOR_SECRET');
  const decision = await readJson(request, schema.draftDecision, { maxBytes: ROUTE_LIMITS.requestBytes });
  const { id: draftId, decision: decided, decidedBy: actor, reason } = decision;
  await queue.audit({ actor, action: `draft_${decided}`, details: { draftId, reason } });
  const { status, messageId } = await drafts.decide(decision);
  return Response.json({ draftId, status, messageId });
});
