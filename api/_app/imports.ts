/** GET and POST /api/imports: upload a CSV whole or in parts, preview and confirm it, ask how far it is, stop it, take it back. */
import { authorize, readJson, readQuery } from '@conversure/jobqueue/next';
import { endpoint, HttpError } from '../../lib/http/errors.ts';
import { imports } from '../../lib/imports/index.ts';
import { receiveFile } from '../../lib/imports/received-file.ts';
import * as schema from '../../lib/imports/request.ts';

export const POST = endpoint(async (request) => {
  authorize(request, 'QUEUE_API_KEY');
  const given = new URL(request.url).searchParams;
  const [, act = upload] = Object.entries(ACTIONS).find(([name]) => given.has(name)) ?? [];
  return act(request);
});

export const GET = endpoint(async (request) => {
  authorize(request, 'QUEUE_API_KEY');
  const given = new URL(request.url).searchParams;
  if (given.has('mappings')) return listMappings(request);
  if (given.has('preview')) return preview(request);
  const { id, errors, kept, warnings } = readQuery(request, schema.statusQuery);
  if (errors) return csv(await imports.errorFile(id), id, 'errors');
  if (kept) return csv(await imports.keptFile(id), id, 'kept');
  if (warnings) return csv(await imports.warningFile(id), id, 'warnings');
  return Response.json(existing(await imports.read(id), id));
});

/** Actions by the parameter that requests them. */
const ACTIONS: Readonly<Record<string, (request: Request) => Promise<Response>>> = {
  part: storePart,
  finish,
  cancel,
  confirm,
  pause,
  resume,
  undo,
  forgetMapping,
};

async function upload(request: Request): Promise<Response> {
  const query = readQuery(request, schema.uploadQuery);
  return Response.json(await imports.upload(query, await receiveFile(request)), { status: 201 });
}

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

async function preview(request: Request): Promise<Response> {
  const { id, preview: _, ...choices } = readQuery(request, schema.previewQuery);
  return Response.json(existing(await imports.preview(id, schema.chosen(choices)), id));
}

async function confirm(request: Request): Promise<Response> {
  const { id } = readQuery(request, schema.confirmQuery);
  const answer = await readJson(request, schema.confirmation, { maxBytes: schema.CONFIRMATION_BYTES });
  return Response.json(await imports.confirm(id, schema.chosen(answer)));
}

async function cancel(request: Request): Promise<Response> {
  const { id } = readQuery(request, schema.cancelQuery);
  await imports.cancel(id);
  return Response.json({ importId: id, status: 'cancelled' });
}

async function pause(request: Request): Promise<Response> {
  const { id } = readQuery(request, schema.pauseQuery);
  await imports.pause(id);
  return Response.json({ importId: id, status: 'paused' });
}

async function resume(request: Request): Promise<Response> {
  const { id } = readQuery(request, schema.resumeQuery);
  return Response.json(await imports.resume(id));
}

async function undo(request: Request): Promise<Response> {
  const { id } = readQuery(request, schema.undoQuery);
  return Response.json(await imports.undo(id));
}

async function listMappings(request: Request): Promise<Response> {
  const { companyId } = readQuery(request, schema.mappingsQuery);
  return Response.json({ mappings: await imports.mappings(companyId) });
}

async function forgetMapping(request: Request): Promise<Response> {
  const { companyId, forgetMapping: name } = readQuery(request, schema.forgetQuery);
  await imports.forgetMapping(companyId, name);
  return Response.json({ companyId, forgotten: name });
}

function existing<Found>(found: Found | null, id: string): Found {
  if (found === null) throw new HttpError(404, 'not_found', `There is no import ${id}.`);
  return found;
}

function csv(file: ReadableStream<Uint8Array> | null, id: string, what: string): Response {
  return new Response(existing(file, id), {
    headers: {
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': `attachment; filename="${id}-${what}.csv"`,
    },
  });
}
