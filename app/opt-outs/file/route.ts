/** Opt-outs as a file, filtered as the page is: for the operator's browser, which has no API key. */

import { admit } from '@conversure/jobqueue-console/auth';
import { viewerZone } from '@conversure/jobqueue-console/ui';
import { endpoint } from '@/lib/http/errors';
import { optOuts } from '@/lib/opt-outs';
import { filterOf, paramsOf } from '../query';

export async function GET(request: Request): Promise<Response> {
  const zone = await viewerZone();
  const serve = endpoint(async () => {
    admit(request.headers);
    const sent = Object.fromEntries(new URL(request.url).searchParams);
    return new Response(optOuts.file(filterOf(paramsOf(sent), zone)), {
      headers: {
        'content-type': 'text/csv; charset=utf-8',
        'content-disposition': 'attachment; filename="opt-outs.csv"',
      },
    });
  });
  return serve(request);
}
