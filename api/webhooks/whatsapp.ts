/** GET and POST /api/webhooks/whatsapp: Meta's handshake, and its events, which are stored as jobs before they are acknowledged. */
import { EDGE_LIMITS } from '../../lib/config.ts';
import { readBytes } from '../../lib/http/body.ts';
import { endpoint } from '../../lib/http/errors.ts';
import { admitMeta, challengeOf } from '../../lib/http/meta.ts';
import { piecesOf } from '../../lib/messaging/webhook.ts';
import { queue } from '../../lib/queue/index.ts';

export const GET = endpoint(async (request) => new Response(challengeOf(request)));

/** Anything but 200 makes Meta send it again, for up to seven days. */
export const POST = endpoint(async (request) => {
  const body = await readBytes(request, { maxBytes: EDGE_LIMITS.webhookBytes });
  admitMeta(request.headers, body);
  const pieces = piecesOf(body);
  const added = await queue.addJobs(
    pieces.map(({ payload, key }) => ({ type: 'whatsapp_event', payload, options: { idempotencyKey: key } })),
  );
  return Response.json({ events: added.length });
});
