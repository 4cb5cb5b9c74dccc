/**
 * Runs one function as the platform's launcher does (its closest public relative: `bundling-handler.js` of @vercel/node): loads the handler,
 * whatever its shape, and answers HTTP requests with it. Tells on descriptor 3 its port, and what it cost when it is ended.
 */
import { writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';

process.once('SIGTERM', () => {
  const { user, system } = process.cpuUsage();
  writeSync(3, `${JSON.stringify({ cpuMs: (user + system) / 1_000, mb: process.resourceUsage().maxRSS / 1_024 })}\n`);
  process.exit(0);
});

const { handler, takesWebRequest, maxDuration } = JSON.parse(process.argv[2]);

/** What is left to do after an answer, and when the platform would end the call. Libraries read both from here. */
const pending = new Set();
let deadline = new Date();
globalThis[Symbol.for('@vercel/request-context')] = {
  get: () => ({ waitUntil: (promise) => pending.add(promise), deadline }),
};

const loaded = await import(pathToFileURL(handler).href);
const exported = loaded.default ?? loaded;
const serve = typeof exported === 'function' && !takesWebRequest ? exported : serveWeb;

const server = createServer(async (request, response) => {
  deadline = new Date(Date.now() + maxDuration * 1_000);
  try {
    await serve(request, response);
  } catch (error) {
    console.error(error);
    if (!response.headersSent) response.writeHead(500);
    response.end('A server error has occurred\n\nFUNCTION_INVOCATION_FAILED\n');
  }
});
server.listen(0, '127.0.0.1', () => writeSync(3, `${server.address().port}\n`));

async function serveWeb(request, response) {
  const { method, headers } = request;
  const answering = takesWebRequest ? exported : (exported.fetch ?? exported[method]);
  if (answering === undefined) return response.writeHead(405).end();
  const body = method === 'GET' || method === 'HEAD' ? null : Readable.toWeb(request);
  const url = new URL(request.url, `https://${headers['x-forwarded-host'] ?? headers.host}`);
  const answer = await answering(new Request(url, { method, headers, body, duplex: 'half' }));
  response.statusCode = answer.status;
  for (const [name, value] of answer.headers) response.appendHeader(name, value);
  for await (const chunk of answer.body ?? []) response.write(chunk);
  response.end();
}
