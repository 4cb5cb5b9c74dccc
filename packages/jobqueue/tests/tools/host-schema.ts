/** The tables of an app that uses the queue, as drizzle-kit reads them. */
import { pgTable, serial, text } from 'drizzle-orm/pg-core';

export const users = pgTable('users', { id: serial().primaryKey(), name: text().notNull() });
