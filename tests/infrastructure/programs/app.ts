/** A small real app for the supervisor's tests: answers health and ticks, says what it lives through, gives back on SIGTERM. */
import { createServer } from 'node:http';

const [, , port, mode] = process.argv;
const say = (line: string) => console.log(`app: ${line}`);

const server = createServer((request, response) => {
  say(`${request.method} ${request.url} ${request.headers.authorization ?? 'no bearer'}`);
  if (request.url === '/crash') process.exit(7);
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ claimed: 2, completed: 2, steps: 1, stopReason: 'empty' }));
});
server.listen(Number(port), '127.0.0.1', () => say('listening'));

process.on('SIGINT', () => say('SIGINT'));
process.on('SIGTERM', () => {
  say('SIGTERM');
  if (mode === 'stubborn') return;
  server.close(() => say('gave back'));
});
