/** The recipients of a campaign as a file: for the operator's browser, which has no API key. */

import { admit } from '@conversure/jobqueue-console/auth';
import { campaigns } from '@/lib/campaigns';
import { isCampaignId } from '@/lib/campaigns/request';
import { endpoint, HttpError } from '@/lib/http/errors';

export async function GET(request: Request, { params }: RouteContext<'/campaigns/[id]/recipients'>): Promise<Response> {
  const { id } = await params;
  const serve = endpoint(async () => {
    admit(request.headers);
    const file = isCampaignId(id) ? await campaigns.recipientsFile(id) : null;
    if (file === null) throw new HttpError(404, 'not_found', 'There is no such campaign.');
    return new Response(file, {
      headers: {
        'content-type': 'text/csv; charset=utf-8',
        'content-disposition': 'attachment; filename="recipients.csv"',
      },
    });
  });
  return serve(request);
}
