/** GET and POST /api/webhooks/whatsapp: Meta's handshake, and its events, which are stored as jobs before they are acknowledged. */
import { readBytes } from '@conversure/jobqueue/next';
import { EDGE_LIMITS } from '../../../lib/config.ts';
import { endpoint } from '../../../lib/http/errors.ts';
import { batchesOf, piecesOf } from '../../../lib/messaging/webhook.ts';
import { admitMeta, challengeOf } from '../../../lib/messaging/webhook-auth.ts';
import { queue } from '../../../lib/queue/index.ts';

export const GET = endpoint(async (request) => new Response(challengeOf(request)));

/** Any answer but 200 makes Meta repeat the webhook for up to seven days. A repetition leads to the same jobs as before. */
export const POST = endpoint(async (request) => {
  const body = await readBytes(request, { maxBytes: EDGE_LIMITS.webhookBytes });
  admitMeta(request.headers, body);
  let events = 0;
  for (const batch of batchesOf(piecesOf(body))) {
    const jobs = batch.map(({ payload, key }) => ({
      type: 'whatsapp_event' as const,
      payload,
      options: { idempotencyKey: key },
    }));
    events += (await queue.addJobs(jobs)).length;
  }
  return Response.json({ events });
});
