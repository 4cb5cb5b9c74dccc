/**
 * A remote system's place, taken by a real HTTP server: it reads calls, lets the fault plan have its way with them, keeps a
 * journal, and is steered over `/__standin/`, so that it can run in a process of its own. The vendor's rules are its caller's.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { PATIENT } from '../../support/patient.ts';
import { type Clock, standInClock } from './clock.ts';
import { type Fault, type FaultPlan, faultPlan } from './faults.ts';

export interface Call {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Headers by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The time by the stand-in's clock. */
  readonly atMs: number;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A string is sent as it is, anything else as JSON. */
  readonly body: unknown;
}

export interface StandInOptions {
  readonly name: string;
  /** Default 0: any free one. */
  readonly port?: number | undefined;
  readonly clock?: Clock;
  /** Default Math.random; give a seeded one where a run must be repeatable. */
  readonly random?: () => number;
  /** The vendor: what it does with a call, and what it answers. */
  handle(call: Call): Answer | Promise<Answer>;
  /** The answer of `GET /__standin/state`. */
  state(): unknown;
  /** Handlers of `POST /__standin/<name>` beside faults and clock; they receive the posted JSON. */
  readonly controls?: Readonly<Record<string, (body: unknown) => unknown>>;
}

export interface StandIn {
  readonly name: string;
  readonly origin: string;
  readonly clock: Clock;
  readonly faults: FaultPlan;
  /** The last calls, oldest first, faults included. */
  readonly calls: readonly Call[];
  close(): Promise<void>;
}

/** A long demo must not fill the memory. */
const JOURNAL_CALLS = 20_000;
/** The largest vendor limit that we imitate is far below. */
const BODY_BYTES = 8 * 1024 * 1024;

export async function startStandIn(options: StandInOptions): Promise<StandIn> {
  const { name, port = 0, clock = standInClock(), random = Math.random } = options;
  const faults = faultPlan(random);
  const calls: Call[] = [];
  const server = createServer(PATIENT, (request, response) => {
    serve(request, response).catch((error: unknown) => {
      // A mistake of the stand-in must not look like a fault of the vendor.
      console.error(`stand-in ${name}:`, error);
      if (!response.headersSent) response.writeHead(599).end(String(error));
      else response.destroy();
    });
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = await readCall(request, clock);
    const control = /^\/__standin\/(\w+)$/.exec(call.path)?.[1];
    if (control !== undefined) return send(response, steer(control, call));
    calls.push(call);
    if (calls.length > JOURNAL_CALLS) calls.shift();
    const fault = faults.meet(call);
    if (fault && fault.delayMs > 0) await wait(fault.delayMs);
    if (fault?.reset === 'before') return void request.socket.destroy();
    if (fault && fault.status !== null) return send(response, answerOf(fault, fault.status));
    const answer = await options.handle(call);
    if (fault?.reset === 'after') return void request.socket.destroy();
    if (fault?.truncate) return truncate(response, answer);
    send(response, answer);
  }

  function steer(control: string, { method, body }: Call): Answer {
    const given: unknown = body === '' ? undefined : JSON.parse(body);
    if (method === 'GET' && control === 'state') return { status: 200, body: options.state() };
    if (method === 'GET' && control === 'calls')
      return { status: 200, body: calls.map(({ query, ...call }) => ({ ...call, query: query.toString() })) };
    if (method === 'POST' && control === 'faults') faults.add(given as Parameters<FaultPlan['add']>[0]);
    else if (method === 'DELETE' && control === 'faults') faults.clear();
    else if (method === 'POST' && control === 'clock') clock.advance((given as { advanceMs: number }).advanceMs);
    else if (method === 'POST' && options.controls?.[control])
      return { status: 200, body: options.controls[control](given) ?? {} };
    else return { status: 404, body: { error: `no such control: ${method} ${control}` } };
    return { status: 200, body: {} };
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    name,
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    clock,
    faults,
    calls,
    close: () => close(server),
  };
}

async function readCall(request: IncomingMessage, clock: Clock): Promise<Call> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_BYTES) throw new Error(`expected a body of at most ${BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  const url = new URL(request.url ?? '/', 'http://stand-in');
  const headers = Object.fromEntries(Object.entries(request.headers).map(([key, value]) => [key, String(value)]));
  return {
    method: request.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    headers,
    body: Buffer.concat(chunks).toString('utf8'),
    atMs: clock.now(),
  };
}

function answerOf({ headers, body }: Fault, status: number): Answer {
  return { status, headers, body: body ?? '<html><body><h1>Service unavailable</h1></body></html>' };
}

function send(response: ServerResponse, { status, headers = {}, body }: Answer): void {
  const isText = typeof body === 'string';
  response
    .writeHead(status, { 'content-type': isText ? 'text/html; charset=utf-8' : 'application/json', ...headers })
    .end(isText ? body : JSON.stringify(body));
}

function truncate(response: ServerResponse, { status, body }: Answer): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.write(text.slice(0, Math.floor(text.length / 2)), () => response.destroy());
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((closed) => server.close(() => closed()));
}
