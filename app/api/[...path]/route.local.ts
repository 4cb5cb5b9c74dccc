/** Serves api/ where the platform does not: `next dev` and `next start` dispatch here. Absent from a Vercel build. */

type Endpoint = Readonly<Record<string, unknown>>;
type Handle = (request: Request) => Promise<Response>;

/** Written out, so that the bundler sees them and an endpoint without its line here fails a test. */
const ENDPOINTS: Readonly<Record<string, () => Promise<Endpoint>>> = {
  campaigns: () => import('../../../api/campaigns.ts'),
  companies: () => import('../../../api/companies.ts'),
  connections: () => import('../../../api/connections.ts'),
  'cron/drain': () => import('../../../api/cron/drain.ts'),
  drain: () => import('../../../api/drain.ts'),
  drafts: () => import('../../../api/drafts.ts'),
  health: () => import('../../../api/health.ts'),
  imports: () => import('../../../api/imports.ts'),
  jobs: () => import('../../../api/jobs.ts'),
  metrics: () => import('../../../api/metrics.ts'),
  operator: () => import('../../../api/operator.ts'),
  'opt-outs': () => import('../../../api/opt-outs.ts'),
  'webhooks/bitrix24': () => import('../../../api/webhooks/bitrix24.ts'),
  'webhooks/whatsapp': () => import('../../../api/webhooks/whatsapp.ts'),
};

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

async function dispatch(request: Request): Promise<Response> {
  const path = new URL(request.url).pathname.replace(/^\/api\//, '');
  const load = Object.hasOwn(ENDPOINTS, path) ? ENDPOINTS[path] : undefined;
  if (load === undefined) return refuse(404, 'not_found', 'There is no such endpoint.');
  const endpoint = await load();
  const handle = METHODS.includes(request.method as (typeof METHODS)[number]) ? endpoint[request.method] : undefined;
  if (typeof handle === 'function') return (handle as Handle)(request);
  const allow = METHODS.filter((method) => method in endpoint).join(', ');
  return refuse(405, 'method_not_allowed', `Expected ${allow}, got ${request.method}.`, { allow });
}

function refuse(status: number, code: string, message: string, headers: Record<string, string> = {}): Response {
  return Response.json({ error: { code, message } }, { status, headers: { 'cache-control': 'no-store', ...headers } });
}

export const dynamic = 'force-dynamic';
export {
  dispatch as DELETE,
  dispatch as GET,
  dispatch as HEAD,
  dispatch as OPTIONS,
  dispatch as PATCH,
  dispatch as POST,
  dispatch as PUT,
};
