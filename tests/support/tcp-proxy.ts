/** A TCP proxy in front of PostgreSQL, with faults: what `pg` sees of a bad network. */
import { type AddressInfo, connect, createServer } from 'node:net';
import { type Faults, faultyLine } from './faults.ts';
import { relay } from './relay.ts';

export interface TcpProxy {
  /** The database's URL, by way of the proxy. */
  readonly url: string;
  readonly faults: Faults;
  close(): Promise<void>;
}

export async function tcpProxy(databaseUrl: string): Promise<TcpProxy> {
  const url = new URL(databaseUrl);
  const [host, port] = [url.hostname, Number(url.port || 5432)];
  const line = faultyLine();
  const server = createServer((client) => {
    if (!line.admit(client)) return;
    client.setNoDelay(true);
    relay(client, connect({ host, port, noDelay: true }), line);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    faults: line,
    async close() {
      const closed = new Promise((done) => server.close(done));
      line.cutConnections();
      await closed;
    },
  };
}
