/** Serves the CSV of leads that an undo kept to the operator's browser, which has no API key. */

import { admit } from '@conversure/jobqueue-console/auth';
import { endpoint, HttpError } from '@/lib/http/errors';
import { imports } from '@/lib/imports';

export async function GET(request: Request, { params }: RouteContext<'/imports/[id]/kept'>): Promise<Response> {
  const { id } = await params;
  const serve = endpoint(async () => {
    admit(request.headers);
    const file = await imports.keptFile(id);
    if (file === null) throw new HttpError(404, 'not_found', 'There is no such import.');
    return new Response(file, {
      headers: {
        'content-type': 'text/csv; charset=utf-8',
        'content-disposition': 'attachment; filename="kept-leads.csv"',
      },
    });
  });
  return serve(request);
}
