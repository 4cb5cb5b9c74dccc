/** The way to Postgres: connections over each driver, migrations, and what their errors mean. */

export { type DatabaseFailure, type Diagnosis, diagnose, inFull } from '../core/diagnosis.ts';
export { type ConnectOptions, connect, database } from './connect.ts';
export {
  addressOf,
  type ConnectionVariable,
  connectionError,
  UnusableDatabaseError,
} from './connection-error.ts';
export type { Database, ExecuteOptions, Executor, Statement } from './database.ts';
export { directUrl } from './direct-url.ts';
export { ConnectionError, DatabaseUsageError, isRefusal, MigrationError } from './errors.ts';
export { grants } from './grants.ts';
export {
  type MigrateOptions,
  type MigrateReport,
  type MigrationSource,
  migrate,
  pendingMigrations,
  QUEUE_MIGRATIONS,
} from './migrate.ts';
