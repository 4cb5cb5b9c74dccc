/** A deployment on this machine: routes requests as the build's `config.json` says, each function in a process of its own. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { type Environment, type Instance, startFunction } from './function-process.ts';
import type { Deployment } from './platform-build.ts';
import { destinationOf } from './routes.ts';

export interface Platform {
  readonly url: string;
  /** The functions that have answered so far. */
  readonly called: ReadonlySet<string>;
  stop(): Promise<void>;
}

/** Each function is started by its first request and kept until `stop`, as an instance is. */
export async function startPlatform(deployment: Deployment, environment: Environment): Promise<Platform> {
  const instances = new Map<string, Instance>();
  const instanceOf = (name: string): Instance => {
    const instance = instances.get(name) ?? startFunction(deployment, name, environment);
    instances.set(name, instance);
    return instance;
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = 'GET', url = '/' } = request;
    const body = await buffer(request);
    let headers = forwarded(request.headers);
    let added: IncomingHttpHeaders = {};
    const to = destinationOf(deployment, url, headers);
    if (to.middleware !== null) {
      const first = await instanceOf(to.middleware).ask(url, { method, headers, body });
      if (first.headers['x-middleware-next'] !== '1') return pass(first, response, {});
      first.resume();
      headers = overridden(headers, first.headers);
      const { 'content-length': _, ...rest } = first.headers; // of its own empty body
      added = rest;
    }
    if (to.function === null) return void response.writeHead(404).end();
    headers['x-matched-path'] = to.matchedPath;
    pass(await instanceOf(to.function).ask(to.path, { method, headers, body }), response, { ...to.headers, ...added });
  };

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(502);
      response.end(String(error));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get called() {
      return new Set(instances.keys());
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await Promise.all([...instances.values()].map((instance) => instance.stop()));
    },
  };
}

/** The platform's own headers; whoever sends them from outside is overruled. */
function forwarded({ 'x-matched-path': _, ...headers }: IncomingHttpHeaders): IncomingHttpHeaders {
  const ours = { 'x-forwarded-host': headers.host, 'x-forwarded-proto': 'http', 'x-forwarded-for': '127.0.0.1' };
  return { ...headers, ...ours, 'x-vercel-forwarded-for': '127.0.0.1' };
}

/** A middleware names the headers that the request shall have, all of them, and sends the value of each. */
function overridden(headers: IncomingHttpHeaders, told: IncomingHttpHeaders): IncomingHttpHeaders {
  const names = told['x-middleware-override-headers'];
  if (names === undefined) return headers;
  return Object.fromEntries(
    String(names)
      .split(',')
      .map((name) => [name, told[`x-middleware-request-${name}`]]),
  );
}

/** What belongs to one connection or to the router. */
const NOT_PASSED = /^(x-middleware-.*|connection|keep-alive|transfer-encoding|date)$/;

function pass(from: IncomingMessage, to: ServerResponse, added: IncomingHttpHeaders): void {
  for (const [name, value] of Object.entries({ ...added, ...from.headers }))
    if (value !== undefined && !NOT_PASSED.test(name)) to.setHeader(name, value);
  to.writeHead(from.statusCode as number);
  from.pipe(to);
}
