/** GET and POST /api/companies: list companies, read one's settings without their secrets, make one, change a section. */
import { authorize, ROUTE_LIMITS, readJson, readQuery } from '@conversure/jobqueue/next';
import { companies } from '../../lib/companies/index.ts';
import * as schema from '../../lib/companies/request.ts';
import { endpoint, HttpError } from '../../lib/http/errors.ts';

const BODY = { maxBytes: ROUTE_LIMITS.requestBytes };

export const GET = endpoint(async (request) => {
  authorize(request, 'OPERATOR_SECRET');
  const query = readQuery(request, schema.companyQuery);
  if (!('id' in query)) return Response.json(await companies.page(query));
  const company = await companies.read(query.id);
  if (company === null) throw new HttpError(404, 'not_found', `There is no company ${query.id}.`);
  return Response.json(company);
});

export const POST = endpoint(async (request) => {
  authorize(request, 'OPERATOR_SECRET');
  if (new URL(request.url).searchParams.size === 0) {
    const { actor, reason, ...company } = await readJson(request, schema.companyCreation, BODY);
    await companies.create(company, { actor, reason });
    return Response.json({ id: company.id }, { status: 201 });
  }
  const { id: companyId, section } = readQuery(request, schema.settingsQuery);
  const { actor, reason, ...change } = await readJson(request, schema.settingsChange, BODY);
  const changed = await companies.change({ companyId, section, ...change }, { actor, reason });
  return Response.json({ changed });
});
