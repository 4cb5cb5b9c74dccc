/** GET and POST /api/imports: upload a CSV whole or in parts, ask how far its import is, fetch its refused rows, cancel it. */
import { authorize } from '../lib/http/auth.ts';
import { readJson, readQuery } from '../lib/http/body.ts';
import { endpoint, HttpError } from '../lib/http/errors.ts';
import { imports } from '../lib/imports/index.ts';
import { receiveFile } from '../lib/imports/received-file.ts';
import * as schema from '../lib/imports/request.ts';

export const POST = endpoint(async (request) => {
  authorize(request, 'QUEUE_API_KEY');
  const given = new URL(request.url).searchParams;
  if (given.has('part')) return storePart(request);
  if (given.has('finish')) return finish(request);
  if (given.has('cancel')) return cancel(request);
  const query = readQuery(request, schema.uploadQuery);
  return Response.json(await imports.upload(query, await receiveFile(request)), { status: 201 });
});

export const GET = endpoint(async (request) => {
  authorize(request, 'QUEUE_API_KEY');
  const { id, errors } = readQuery(request, schema.statusQuery);
  const answer = errors === 'csv' ? await imports.errorFile(id) : await imports.read(id);
  if (answer === null) throw new HttpError(404, 'not_found', `There is no import ${id}.`);
  return answer instanceof ReadableStream ? csv(answer, `${id}-errors.csv`) : Response.json(answer);
});

async function storePart(request: Request): Promise<Response> {
  const query = readQuery(request, schema.partQuery);
  await imports.storePart(query, await receiveFile(request));
  return Response.json({ importId: query.id, part: query.part });
}

async function finish(request: Request): Promise<Response> {
  const { id } = readQuery(request, schema.finishQuery);
  const expected = await readJson(request, schema.wholeFile, { maxBytes: schema.WHOLE_FILE_BYTES });
  return Response.json(await imports.finish(id, expected), { status: 201 });
}

async function cancel(request: Request): Promise<Response> {
  const { id } = readQuery(request, schema.cancelQuery);
  await imports.cancel(id);
  return Response.json({ importId: id, status: 'cancelled' });
}

function csv(file: ReadableStream<Uint8Array>, fileName: string): Response {
  return new Response(file, {
    headers: {
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': `attachment; filename="${fileName}"`,
    },
  });
}
