/** POST /api/webhooks/bitrix24: events of a portal, proved by its application token, stored as jobs and acknowledged. */
import { acceptedSecrets, ROUTE_LIMITS, readBytes } from '@conversure/jobqueue/next';
import { database } from '@conversure/jobqueue/postgres';
import { storeArrivals } from '../../../lib/crm/inbox.ts';
import { companyOfToken, eventOf } from '../../../lib/crm/webhook.ts';
import { endpoint, HttpError } from '../../../lib/http/errors.ts';

export const POST = endpoint(async (request) => {
  const found = eventOf(await readBytes(request, { maxBytes: ROUTE_LIMITS.requestBytes }));
  if (found === null) return Response.json({ events: 0 });
  const { event, itemId, ts, token } = found;
  const companyId = await companyOfToken(database(), token, acceptedSecrets('BITRIX24_APPLICATION_TOKEN'));
  if (companyId === null)
    throw new HttpError(401, 'unauthorized', 'No company has a portal with this application token.');
  await storeArrivals(database(), companyId, [{ event, itemId, key: ts }]);
  return Response.json({ events: 1 });
});
