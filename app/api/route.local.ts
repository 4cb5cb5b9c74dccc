/** Serves api/ where the platform does not: `next dev` and `next start` dispatch here. Absent from a Vercel build. */
import { notAllowed, refuse } from '../../lib/http/router.ts';
import { rewrites } from '../../vercel.json';

type Endpoint = Readonly<Record<string, unknown>>;
type Handle = (request: Request) => Promise<Response>;

/** Written out, so that the bundler sees them and a function without its line here fails a test. */
const FUNCTIONS: Readonly<Record<string, () => Promise<Endpoint>>> = {
  '/api/app': () => import('../../api/app.ts'),
  '/api/cron/drain': () => import('../../api/cron/drain.ts'),
  '/api/drain': () => import('../../api/drain.ts'),
  '/api/queue': () => import('../../api/queue.ts'),
};

/** As the platform reads them: the whole path, no named parameters. */
const REWRITES = rewrites.map(({ source, destination }) => ({ source: new RegExp(`^${source}$`), destination }));

const functionAt = (path = '') => (Object.hasOwn(FUNCTIONS, path) ? FUNCTIONS[path] : undefined);

async function dispatch(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  // As on the platform: a function's own path comes before any rewrite, and the last rewrite takes every other path.
  const load = functionAt(pathname) ?? functionAt(REWRITES.find(({ source }) => source.test(pathname))?.destination);
  if (load === undefined) return refuse(404, 'not_found', 'There is no such endpoint.');
  const endpoint = await load();
  const handle = /^[A-Z]+$/.test(request.method) ? endpoint[request.method] : undefined;
  return typeof handle === 'function' ? (handle as Handle)(request) : notAllowed(request.method, endpoint);
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
