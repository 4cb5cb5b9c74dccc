/** One cold start: loads a function as the platform does, sends it one request, and tells on descriptor 3 what came and what it cost. */
import { writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const { handler, method, path, headers, body, spawnedAt } = JSON.parse(process.argv[2]);
const response = await (handler.endsWith('.cjs') ? askNext() : askModule());
const text = await response.text();
const ms = Date.now() - spawnedAt;
const { user, system } = process.cpuUsage();
const { maxRSS } = process.resourceUsage();
const answer = { status: response.status, text: text.slice(0, 40_000) };
writeSync(3, JSON.stringify({ ...answer, ms, cpuMs: (user + system) / 1_000, mb: maxRSS / 1_024 }));
process.exit(0);

async function askModule() {
  const methods = await import(pathToFileURL(handler).href);
  return methods[method](webRequest());
}

/** Functions of Next.js take Node's own request and response, that of proxy.ts alone takes a web request. */
async function askNext() {
  const serve = createRequire(handler)(handler);
  if (serve.length === 1) return serve(webRequest());
  const server = createServer(serve);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return fetch(`http://127.0.0.1:${server.address().port}${path}`, { method, headers, body, redirect: 'manual' });
}

function webRequest() {
  return new Request(`https://queue.example${path}`, { method, headers, body });
}
