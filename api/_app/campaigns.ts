/** GET and POST /api/campaigns: make a campaign or preview it, pause, resume or cancel it, ask how far it is, fetch its recipients. */
import { authorize, ROUTE_LIMITS, readJson, readQuery } from '@conversure/jobqueue/next';
import { campaigns } from '../../lib/campaigns/index.ts';
import * as schema from '../../lib/campaigns/request.ts';
import { endpoint, HttpError } from '../../lib/http/errors.ts';

export const POST = endpoint(async (request) => {
  authorize(request, 'QUEUE_API_KEY');
  const { searchParams } = new URL(request.url);
  const isPreview = searchParams.has('preview');
  if (isPreview) readQuery(request, schema.previewQuery);
  else if (searchParams.size > 0) return Response.json(await campaigns.act(readQuery(request, schema.actionQuery)));
  const given = await readJson(request, schema.newCampaign, { maxBytes: ROUTE_LIMITS.jobsBodyBytes });
  if (isPreview) return Response.json(await campaigns.preview(given));
  return Response.json(await campaigns.create(given), { status: 201 });
});

export const GET = endpoint(async (request) => {
  authorize(request, 'QUEUE_API_KEY');
  const query = readQuery(request, schema.statusQuery);
  if ('companyId' in query) return Response.json({ campaigns: await campaigns.list(query) });
  const { id, recipients } = query;
  const answer = recipients === 'csv' ? await campaigns.recipientsFile(id) : await campaigns.read(id);
  if (answer === null) throw new HttpError(404, 'not_found', `There is no campaign ${id}.`);
  return answer instanceof ReadableStream ? csv(answer, `${id}-recipients.csv`) : Response.json(answer);
});

function csv(file: ReadableStream<Uint8Array>, fileName: string): Response {
  return new Response(file, {
    headers: {
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': `attachment; filename="${fileName}"`,
    },
  });
}
