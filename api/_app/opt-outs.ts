/** GET and POST /api/opt-outs: who asked not to be written to, as JSON or CSV; writing one down, lifting one. */
import { authorize, ROUTE_LIMITS, readJson, readQuery } from '@conversure/jobqueue/next';
import { endpoint } from '../../lib/http/errors.ts';
import { optOuts } from '../../lib/opt-outs/index.ts';
import { optOutRequest, optOutsQuery } from '../../lib/opt-outs/request.ts';

export const GET = endpoint(async (request) => {
  authorize(request, 'QUEUE_API_KEY');
  const { after, format, ...filter } = readQuery(request, optOutsQuery);
  if (format === undefined) return Response.json(await optOuts.page(filter, after));
  return new Response(optOuts.file(filter), {
    headers: {
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': 'attachment; filename="opt-outs.csv"',
    },
  });
});

export const POST = endpoint(async (request) => {
  authorize(request, 'QUEUE_API_KEY');
  const given = await readJson(request, optOutRequest, { maxBytes: ROUTE_LIMITS.requestBytes });
  if (given.action === 'add') {
    const isNew = await optOuts.add(given, given.actor);
    return Response.json({ added: isNew }, { status: isNew ? 201 : 200 });
  }
  await optOuts.lift(given, given.actor);
  return Response.json({ lifted: true });
});
