/** A webhook that takes alerts: a real HTTP server that keeps what it got, and fails or keeps silent when told to. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PATIENT } from './patient.ts';

export interface Webhook {
  readonly url: string;
  /** Each message that was posted, in order, whatever the answer. */
  readonly posted: { readonly text: string }[];
  /** The alerts that were answered with 200. */
  readonly taken: { readonly text: string }[];
  /** The status of each next answer; null: none ever comes. When they are used up, 200. */
  readonly answers: (number | null)[];
  /** Called with each post, before it is answered. */
  onPost: () => void;
  close(): Promise<void>;
}

/** A path that must never show in a log. */
export const SECRET_PATH = '/services/T000/B000/secret-of-the-webhook';

export async function webhook(): Promise<Webhook> {
  const posted: { text: string }[] = [];
  const taken: { text: string }[] = [];
  const answers: (number | null)[] = [];
  const hook = {
    url: '',
    posted,
    taken,
    answers,
    onPost: (): void => undefined,
    close: () => close(server),
  };
  const server = createServer(PATIENT, async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const wellMade =
      request.method === 'POST' &&
      request.url === SECRET_PATH &&
      request.headers['content-type'] === 'application/json';
    const message = JSON.parse(body);
    posted.push(message);
    hook.onPost();
    const status = answers.length > 0 ? answers.shift() : 200;
    if (status === null || status === undefined) return;
    if (status === 200 && wellMade) taken.push(message);
    answer(response, wellMade ? status : 400);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  hook.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${SECRET_PATH}`;
  return hook;
}

function answer(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-type': 'text/plain' }).end(status === 200 ? 'ok' : 'no');
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((closed) => server.close(() => closed()));
}
