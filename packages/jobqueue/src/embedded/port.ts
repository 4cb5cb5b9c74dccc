/** Finds ports that nobody listens on. The result is a moment old, so listening on one can still fail. */
import { type AddressInfo, createServer } from 'node:net';

/** Any port of 127.0.0.1. */
export async function freePort(): Promise<number> {
  const port = await listen(0, '127.0.0.1');
  if (port === null) throw new Error('127.0.0.1 has no free port');
  return port;
}

/** The first of `count` ports from `from` on; `host` unset means every interface. */
export async function firstFreePort(from: number, options: { count: number; host?: string }): Promise<number> {
  for (let port = from; port < from + options.count; port++) {
    if (await isFree(port, options.host)) return port;
  }
  throw new Error(`the ports ${from} to ${from + options.count - 1} are all taken`);
}

/** True if nothing listens on the port. `host` defaults to all addresses. */
export async function isFree(port: number, host?: string): Promise<boolean> {
  return (await listen(port, host)) !== null;
}

function listen(port: number, host: string | undefined): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      // EACCES: Windows reserves whole ranges, and its answer for those is this one.
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(null);
      else reject(error);
    });
    probe.listen({ port, ...(host && { host }) }, () => {
      const { port: taken } = probe.address() as AddressInfo;
      probe.close(() => resolve(taken));
    });
  });
}
