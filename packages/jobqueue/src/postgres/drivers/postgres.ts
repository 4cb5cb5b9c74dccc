/** Plain PostgreSQL over TCP, by `pg`: self-hosted, embedded, and every host that is not Neon's. */
import { KEEP_ALIVE_MS } from '../deadlines.ts';
import type { DrivenDatabase } from '../driver-client.ts';
import { parseDatabaseUrl } from '../url.ts';
import { lazyDatabase } from './lazy.ts';
import { attachToPlatform, loadPg } from './load.ts';
import { CONNECT_MS, IDLE_MS, MAX_CONNECTIONS, pooledDatabase } from './pool.ts';

/** Connects on the first statement, not before. */
export function postgres(url: string): DrivenDatabase {
  const { href, address } = parseDatabaseUrl(url);
  const known = { driver: 'postgres', address } as const;
  return lazyDatabase(known, async () => {
    const { Pool } = await loadPg();
    const pool = new Pool({
      connectionString: href,
      max: MAX_CONNECTIONS,
      idleTimeoutMillis: IDLE_MS,
      connectionTimeoutMillis: CONNECT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    });
    await attachToPlatform(pool);
    return pooledDatabase(pool, known);
  });
}
