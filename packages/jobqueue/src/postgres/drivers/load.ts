/**
 * Loads the packages of the drivers, each when the first statement needs it: an app installs the one that it uses. The imports
 * stand in `try`, because bundlers (esbuild, Turbopack) then build although a package is not installed, and the error comes here.
 */
import { DatabaseUsageError } from '../errors.ts';

/** Plain PostgreSQL. */
export async function loadPg(): Promise<typeof import('pg')> {
  try {
    return (await import('pg')).default as typeof import('pg');
  } catch (error) {
    throw orMissing('pg', error);
  }
}

/** Neon, by HTTP and by WebSocket. */
export async function loadNeon(): Promise<typeof import('@neondatabase/serverless')> {
  try {
    return await import('@neondatabase/serverless');
  } catch (error) {
    throw orMissing('@neondatabase/serverless', error);
  }
}

/** A WebSocket of its own: undefined where the platform has one, as Node.js has since 22. */
export async function loadWebSocket(): Promise<typeof import('ws').WebSocket | undefined> {
  if (globalThis.WebSocket !== undefined) return undefined;
  try {
    return (await import('ws')).WebSocket;
  } catch (error) {
    throw orMissing('ws', error);
  }
}

/**
 * Tells Vercel of a pool, which then ends its idle connections before it suspends an instance. Elsewhere nothing is loaded.
 * The conditions are those of the platform's own function, which does nothing without both.
 */
export async function attachToPlatform(pool: object): Promise<void> {
  if (!process.env.VERCEL_URL || !process.env.VERCEL_REGION) return;
  try {
    const loaded = await import('@vercel/functions/db-connections');
    // It is CommonJS: bundled by esbuild it has no names, by others no default.
    const { attachDatabasePool } =
      'attachDatabasePool' in loaded ? loaded : (loaded as { default: typeof loaded }).default;
    attachDatabasePool(pool as Parameters<typeof attachDatabasePool>[0]);
  } catch (error) {
    throw orMissing('@vercel/functions', error);
  }
}

/** Error codes of Node.js for a missing module, and those of the code that bundlers put in place of an unresolved import. */
const NOT_FOUND: readonly unknown[] = ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'];

/** Names the package to install, but not for a module that an installed package misses. */
function orMissing(name: string, error: unknown): unknown {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (!NOT_FOUND.includes(code) || !String(message).includes(`'${name}`)) return error;
  return new DatabaseUsageError(
    'driver_missing',
    `The connection to Postgres needs the package ${name}, which is not installed: npm install ${name}`,
    { cause: error },
  );
}
