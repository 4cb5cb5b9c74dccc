/** The console's login without its pages: what a proxy and route handlers of the app ask. Imports neither React nor Next.js. */

export { localPath } from '../local-path.ts';
export { admit, admitOperator, admitOrigin, clientAddress, isOpenConsole, sessionCookie, sessionOf } from './access.ts';
export { hasLogin, type Role, roleOf, SESSION_MS, type Session, seal, unseal } from './session.ts';
