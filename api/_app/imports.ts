/**
 * /api/imports: upload a CSV whole or in parts, preview and confirm it, ask how far it is, stop it, take it back. An import is
 * `/api/imports/:id`, and what is done with it a path below. The older form, `?id=…` with the action as a parameter, asks for the same.
 */
import { authorize, MethodNotAllowedError, readJson, readQuery } from '@conversure/jobqueue/next';
import { endpoint, HttpError } from '../../lib/http/errors.ts';
import { imports } from '../../lib/imports/index.ts';
import { receiveFile } from '../../lib/imports/received-file.ts';
import * as schema from '../../lib/imports/request.ts';

/** The address in the older form: the schemas describe its parameters. */
type Asked = Pick<Request, 'url'>;
type Act = (asked: Asked, request: Request) => Promise<Response>;
type Actions = Readonly<Record<string, Act>>;

/** Actions on one import, by method and by the path below it, which in the older form is the parameter. */
const OF_IMPORT: Readonly<Record<'GET' | 'POST', Actions>> = {
  GET: {
    preview,
    errors: (asked) => csv(asked, 'errors', imports.errorFile),
    kept: (asked) => csv(asked, 'kept', imports.keptFile),
    warnings: (asked) => csv(asked, 'warnings', imports.warningFile),
  },
  POST: { finish, cancel, confirm, pause, resume, undo },
};
/** Actions on a company or on a part of an import. They are named by parameters only, except `/api/imports/:id/parts/:part`. */
const BY_PARAMETER: typeof OF_IMPORT = { GET: { mappings: listMappings }, POST: { part: storePart, forgetMapping } };
const FILES = ['errors', 'kept', 'warnings'];

export const GET = endpoint((request) => answer(request, 'GET'));
export const POST = endpoint((request) => answer(request, 'POST'));

async function answer(request: Request, method: 'GET' | 'POST'): Promise<Response> {
  authorize(request, 'QUEUE_API_KEY');
  const url = new URL(request.url);
  const [id, name, part, ...more] = url.pathname.split('/').slice(3);
  if (id === undefined) {
    const actions = Object.entries({ ...BY_PARAMETER[method], ...OF_IMPORT[method] });
    const [, act = method === 'GET' ? status : upload] = actions.find(([name]) => url.searchParams.has(name)) ?? [];
    return act(request, request);
  }
  if (more.length > 0 || (part !== undefined) !== (name === 'parts')) throw noEndpoint();
  // A parameter that repeats the path is refused, like a parameter that comes twice.
  url.searchParams.append('id', id);
  if (part !== undefined) url.searchParams.append('part', part);
  else if (name !== undefined) url.searchParams.append(name, FILES.includes(name) ? 'csv' : '1');
  return actAt(name, method)({ url: url.href }, request);
}

/** The action of `method` at `/api/imports/:id/:name`. Throws HttpError 404 or 405. */
function actAt(name: string | undefined, method: 'GET' | 'POST'): Act {
  const of = (method: 'GET' | 'POST'): Act | undefined => {
    if (name === undefined) return method === 'GET' ? status : undefined;
    if (name === 'parts') return method === 'POST' ? storePart : undefined;
    return Object.hasOwn(OF_IMPORT[method], name) ? OF_IMPORT[method][name] : undefined;
  };
  const act = of(method);
  if (act !== undefined) return act;
  const other = method === 'GET' ? 'POST' : 'GET';
  throw of(other) === undefined ? noEndpoint() : new MethodNotAllowedError(method, [other]);
}

const noEndpoint = () => new HttpError(404, 'not_found', 'There is no such endpoint.');

async function status(asked: Asked): Promise<Response> {
  const { id } = readQuery(asked, schema.statusQuery);
  return Response.json(existing(await imports.read(id), id));
}

async function upload(asked: Asked, request: Request): Promise<Response> {
  const query = readQuery(asked, schema.uploadQuery);
  return Response.json(await imports.upload(query, await receiveFile(request)), { status: 201 });
}

async function storePart(asked: Asked, request: Request): Promise<Response> {
  const query = readQuery(asked, schema.partQuery);
  await imports.storePart(query, await receiveFile(request));
  return Response.json({ importId: query.id, part: query.part });
}

async function finish(asked: Asked, request: Request): Promise<Response> {
  const { id } = readQuery(asked, schema.finishQuery);
  const expected = await readJson(request, schema.wholeFile, { maxBytes: schema.WHOLE_FILE_BYTES });
  return Response.json(await imports.finish(id, expected), { status: 201 });
}

async function preview(asked: Asked): Promise<Response> {
  const { id, preview: _, ...choices } = readQuery(asked, schema.previewQuery);
  return Response.json(existing(await imports.preview(id, schema.chosen(choices)), id));
}

async function confirm(asked: Asked, request: Request): Promise<Response> {
  const { id } = readQuery(asked, schema.confirmQuery);
  const answer = await readJson(request, schema.confirmation, { maxBytes: schema.CONFIRMATION_BYTES });
  return Response.json(await imports.confirm(id, schema.chosen(answer)));
}

async function cancel(asked: Asked): Promise<Response> {
  const { id } = readQuery(asked, schema.cancelQuery);
  await imports.cancel(id);
  return Response.json({ importId: id, status: 'cancelled' });
}

async function pause(asked: Asked): Promise<Response> {
  const { id } = readQuery(asked, schema.pauseQuery);
  await imports.pause(id);
  return Response.json({ importId: id, status: 'paused' });
}

async function resume(asked: Asked): Promise<Response> {
  const { id } = readQuery(asked, schema.resumeQuery);
  return Response.json(await imports.resume(id));
}

async function undo(asked: Asked): Promise<Response> {
  const { id } = readQuery(asked, schema.undoQuery);
  return Response.json(await imports.undo(id));
}

async function listMappings(asked: Asked): Promise<Response> {
  const { companyId } = readQuery(asked, schema.mappingsQuery);
  return Response.json({ mappings: await imports.mappings(companyId) });
}

async function forgetMapping(asked: Asked): Promise<Response> {
  const { companyId, forgetMapping: name } = readQuery(asked, schema.forgetQuery);
  await imports.forgetMapping(companyId, name);
  return Response.json({ companyId, forgotten: name });
}

function existing<Found>(found: Found | null, id: string): Found {
  if (found === null) throw new HttpError(404, 'not_found', `There is no import ${id}.`);
  return found;
}

async function csv(
  asked: Asked,
  what: string,
  fileOf: (id: string) => Promise<ReadableStream<Uint8Array> | null>,
): Promise<Response> {
  const { id } = readQuery(asked, schema.statusQuery);
  return new Response(existing(await fileOf(id), id), {
    headers: {
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': `attachment; filename="${id}-${what}.csv"`,
    },
  });
}
