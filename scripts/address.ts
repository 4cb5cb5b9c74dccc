/** Resolves the app's port (command line, then `PORT`, then 3000) and the URL that reaches it on this machine. */
import { parseArgs } from 'node:util';
import type { Mode } from './environment.ts';
import { SetupError } from './setup-error.ts';

export interface Address {
  readonly port: number;
  /** `undefined` is every interface. */
  readonly hostname: string | undefined;
}

/** In development the pages ask for no password: unless `--hostname` says otherwise, only this machine reaches them. */
export function addressFor(mode: Mode, args = process.argv.slice(2)): Address {
  const { values } = parseArgs({
    args,
    options: { port: { type: 'string', short: 'p' }, hostname: { type: 'string', short: 'H' } },
  });
  const given = values.port ?? (process.env.PORT || '3000');
  const port = Number(given);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new SetupError(`expected a port from 1 to 65535, got ${given}`);
  return { port, hostname: values.hostname ?? (mode === 'development' ? '127.0.0.1' : undefined) };
}

export function originOf({ hostname, port }: Address): string {
  const everywhere = hostname === undefined || hostname === '0.0.0.0' || hostname === '::';
  const host = everywhere ? '127.0.0.1' : hostname;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
