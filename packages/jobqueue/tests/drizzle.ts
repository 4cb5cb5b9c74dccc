/** Drizzle over the database of a test, by the driver of drizzle's that fits it. */

import { drizzle as overHttp } from 'drizzle-orm/neon-http';
import { drizzle as overNeon } from 'drizzle-orm/neon-serverless';
import { drizzle as overPg } from 'drizzle-orm/node-postgres';
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core';
import type { Database } from '../src/postgres/connect.ts';
import { drizzleOf, type MakeDrizzle } from '../src/postgres/drizzle.ts';

// biome-ignore lint/suspicious/noExplicitAny: drizzle's own variance forces `any` for "whatever schema the caller uses".
type AnyDrizzle = PgDatabase<PgQueryResultHKT, any, any>;

export function drizzleOver(database: Database): Promise<AnyDrizzle> {
  const makers: Record<Database['driver'], MakeDrizzle<AnyDrizzle>> = {
    postgres: overPg,
    neon: overNeon,
    'neon-websocket': overNeon,
    'neon-http': overHttp,
  };
  return drizzleOf(database, makers[database.driver]);
}

/** Drizzle over a driver made for another client. */
export function drizzleOverAnother(database: Database): Promise<AnyDrizzle> {
  const make: MakeDrizzle<AnyDrizzle> = database.driver === 'postgres' ? overNeon : overPg;
  return drizzleOf(database, make);
}
