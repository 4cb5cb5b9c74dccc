/** Leads the paths of one function to its endpoints, each loaded when it is first asked for. */

type Handle = (request: Request) => Promise<Response>;
const METHODS = ['GET', 'POST'] as const;
type Methods = Record<(typeof METHODS)[number], Handle>;

/** The endpoints by their paths; one that ends in `/*` serves all below it. */
export type Endpoints = Readonly<Record<string, () => Promise<Partial<Methods>>>>;

/** The methods of a function that serves `endpoints`: 404 for any other path, 405 for a method that the endpoint has not. */
export function router(endpoints: Endpoints): Methods {
  const dispatch = async (request: Request) => {
    const { pathname } = new URL(request.url);
    const load = find(pathname);
    if (load === undefined) return refuse(404, 'not_found', 'There is no such endpoint.');
    const endpoint = await load();
    const handle = METHODS.includes(request.method as keyof Methods)
      ? endpoint[request.method as keyof Methods]
      : undefined;
    return handle === undefined ? notAllowed(request.method, endpoint) : handle(request);
  };
  return { GET: dispatch, POST: dispatch };

  function find(pathname: string): Endpoints[string] | undefined {
    if (Object.hasOwn(endpoints, pathname)) return endpoints[pathname];
    const above = Object.keys(endpoints).find((path) => path.endsWith('/*') && pathname.startsWith(path.slice(0, -1)));
    return above === undefined ? undefined : endpoints[above];
  }
}

/** The answer to a method that `endpoint` has not: 405 with those that it has. */
export function notAllowed(method: string, endpoint: object): Response {
  const allow = METHODS.filter((name) => name in endpoint).join(', ');
  return refuse(405, 'method_not_allowed', `Expected ${allow}, got ${method}.`, { allow });
}

/** A refusal before any endpoint is asked. */
export function refuse(status: number, code: string, message: string, headers: Record<string, string> = {}): Response {
  return Response.json({ error: { code, message } }, { status, headers: { 'cache-control': 'no-store', ...headers } });
}
