/** Faults between a driver and its database, in one shape for every way to connect. */

export interface Faults {
  /** Delays each request and each answer by as much. */
  latencyMs: number;
  /** While on, whatever is open is cut and nothing new gets in. */
  refuseConnections(on: boolean): void;
  cutConnections(): void;
  /**
   * Lets the next statement that matches run to its end, its commit included, and then loses the answer: the connection is
   * cut, or with `silently` stays open and mute. Resolves when the answer is lost. The text that is matched holds the statement
   * and its parameters.
   */
  loseAnswer(matching: string | ((request: string) => boolean), options?: { silently?: boolean }): Promise<void>;
  /** Connections that the driver holds open right now. */
  connections(): number;
}

/** One answer that is to be lost. */
export interface Loss {
  readonly silently: boolean;
  happened(): void;
}

interface Destroyable {
  destroy(): unknown;
  once(event: 'close', listener: () => void): unknown;
}

/** The side of the switches that the proxies read. */
export interface Line extends Faults {
  /** False if the connection was refused, and destroyed. */
  admit(connection: Destroyable): boolean;
  /** True while some answer is still to be lost. */
  readonly armed: boolean;
  /** The loss that this request is to suffer, if any; each happens once. */
  lossFor(request: string): Loss | undefined;
  /** Resolves `latencyMs` from now. */
  travel(): Promise<void>;
}

export function faultyLine(): Line {
  const open = new Set<Destroyable>();
  const losses: (Loss & { matches(request: string): boolean })[] = [];
  let refusing = false;
  const line: Line = {
    latencyMs: 0,
    get armed() {
      return losses.length > 0;
    },
    refuseConnections(on) {
      refusing = on;
      if (on) line.cutConnections();
    },
    cutConnections() {
      for (const connection of open) connection.destroy();
    },
    loseAnswer(matching, { silently = false } = {}) {
      const matches = typeof matching === 'string' ? (request: string) => request.includes(matching) : matching;
      return new Promise((happened) => losses.push({ matches, silently, happened }));
    },
    connections: () => open.size,
    admit(connection) {
      if (refusing) {
        connection.destroy();
        return false;
      }
      open.add(connection);
      connection.once('close', () => open.delete(connection));
      return true;
    },
    lossFor(request) {
      const index = losses.findIndex((loss) => loss.matches(request));
      return index === -1 ? undefined : losses.splice(index, 1)[0];
    },
    travel: () => (line.latencyMs === 0 ? Promise.resolve() : new Promise((done) => setTimeout(done, line.latencyMs))),
  };
  return line;
}
