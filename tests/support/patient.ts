/** Options of the HTTP servers of tests. */

/**
 * Connections that wait stay open. By default Node.js closes them after five seconds, and a process that served and asked in one and
 * stood still for so long asked on a connection that it was just closing.
 */
export const PATIENT = { keepAliveTimeout: 0 } as const;
