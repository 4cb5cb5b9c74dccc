/** Plain PostgreSQL over TCP, by `pg`: self-hosted, embedded, and every host that is not Neon's. */
import { attachDatabasePool } from '@vercel/functions/db-connections';
import { drizzle } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import type { Database } from '../database.ts';
import { KEEP_ALIVE_MS } from '../deadlines.ts';
import { parseDatabaseUrl } from '../url.ts';
import { CONNECT_MS, IDLE_MS, MAX_CONNECTIONS, pooledDatabase } from './pool.ts';

/** Connects on the first statement, not before. */
export function postgres(url: string): Database {
  const { href, address } = parseDatabaseUrl(url);
  const pool = new pg.Pool({
    connectionString: href,
    max: MAX_CONNECTIONS,
    idleTimeoutMillis: IDLE_MS,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
  });
  attachDatabasePool(pool);
  return pooledDatabase(pool, { driver: 'postgres', address, drizzle: drizzle({ client: pool }) });
}
