/** The way from the processes of a world to Postgres: a TCP proxy whose connections can be reset, swallowed and left half open. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * `passes`: as a good network. `swallows`: nothing arrives on either side, connections stay open (a blackhole). `mutes`: statements arrive,
 * answers do not (half open).
 */
type Mode = 'passes' | 'swallows' | 'mutes';

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  /** Decided once it is no longer `passes`: what was lost on the way is not sent again. */
  mode: Mode;
}

/** A proxy in front of one port of this machine. */
export class Network {
  /** The port that processes connect to. */
  readonly port: number;
  readonly #listener: ReturnType<typeof createServer>;
  readonly #pairs = new Set<Pair>();
  #target: number;
  #mode: Mode = 'passes';

  private constructor(listener: ReturnType<typeof createServer>, target: number) {
    this.#listener = listener;
    this.#target = target;
    this.port = (listener.address() as AddressInfo).port;
    listener.on('connection', (client) => this.#admit(client));
  }

  static async inFrontOf(port: number): Promise<Network> {
    const listener = createServer({ noDelay: true });
    await new Promise<void>((listening, refuse) => listener.once('error', refuse).listen(0, '127.0.0.1', listening));
    return new Network(listener, port);
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** New connections go to this port; open ones are reset. */
  leadTo(port: number): void {
    this.#target = port;
    this.reset();
  }

  /** Both sides of every connection hear a reset. */
  reset(): void {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  /** Open connections, and those that are opened meanwhile, stay as they are and lose what is sent; until `restore`, and for them for good. */
  lose(how: 'swallows' | 'mutes'): void {
    this.#mode = how;
    for (const pair of this.#pairs) pair.mode = how;
  }

  /** New connections are good again. */
  restore(): void {
    this.#mode = 'passes';
  }

  async close(): Promise<void> {
    const closed = new Promise((done) => this.#listener.close(done));
    this.reset();
    await closed;
  }

  #admit(client: Socket): void {
    const server = connect({ port: this.#target, host: '127.0.0.1', noDelay: true });
    const pair: Pair = { client, server, mode: this.#mode };
    this.#pairs.add(pair);
    client.on('data', (chunk) => pair.mode !== 'swallows' && server.write(chunk));
    server.on('data', (chunk) => pair.mode === 'passes' && client.write(chunk));
    client.on('end', () => server.end());
    server.on('end', () => pair.mode === 'passes' && client.end());
    for (const [side, other] of [
      [client, server],
      [server, client],
    ] as const) {
      side.on('error', () => undefined); // a reset: 'close' follows
      side.on('close', () => {
        if (side === server && pair.mode !== 'passes') return; // nothing of it arrives
        other.destroy();
        this.#pairs.delete(pair);
      });
    }
  }
}
