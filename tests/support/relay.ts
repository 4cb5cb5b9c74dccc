/** Carries Postgres' wire protocol between a client and the server, through the faults of a line. */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Line, Loss } from './faults.ts';

export function relay(client: Duplex, server: Socket, line: Line): void {
  let requested: Buffer[] = []; // since the server was last ready; kept only while an answer is to be lost
  let loss: Loss | undefined;
  const cut = () => {
    client.destroy();
    server.destroy();
  };

  const toServer = orderly(line, (chunk) => server.write(chunk));
  client.on('data', (chunk: Buffer) => {
    if (line.armed && !loss) {
      requested.push(chunk);
      loss = line.lossFor(Buffer.concat(requested).toString('utf8'));
    }
    toServer(chunk);
  });

  const toClient = orderly(line, (chunk) => client.write(chunk));
  const isReady = readyForQuery();
  server.on('data', (chunk: Buffer) => {
    const ready = isReady(chunk);
    if (ready) requested = [];
    if (!loss) return toClient(chunk);
    if (!ready) return;
    loss.happened(); // ready again means executed, and outside a transaction committed
    if (!loss.silently) cut();
  });

  // A WebSocket's stream ends without ever closing.
  client.on('end', () => server.end());
  server.on('end', () => client.end());
  for (const side of [client, server]) side.on('error', cut).on('close', cut);
}

/** Delivers in order, each chunk after the line's latency. */
function orderly(line: Line, deliver: (chunk: Buffer) => void): (chunk: Buffer) => void {
  let previous = Promise.resolve();
  return (chunk) => {
    const travelled = line.travel();
    previous = previous.then(() => travelled).then(() => deliver(chunk));
  };
}

/** Reads the server's messages (one byte of type, four of length, body) and tells whether a chunk held `ReadyForQuery`. */
function readyForQuery(): (chunk: Buffer) => boolean {
  let head: Buffer<ArrayBufferLike> = Buffer.alloc(0); // a header that was cut by the chunk's end
  let body = 0; // bytes left of the current message
  return (chunk) => {
    let ready = false;
    let rest = Buffer.concat([head, chunk.subarray(Math.min(body, chunk.length))]);
    body -= Math.min(body, chunk.length);
    while (body === 0 && rest.length >= 5) {
      ready ||= rest[0] === 0x5a; // 'Z'
      const length = 1 + rest.readInt32BE(1);
      body = Math.max(0, length - rest.length);
      rest = rest.subarray(Math.min(length, rest.length));
    }
    head = rest;
    return ready;
  };
}
