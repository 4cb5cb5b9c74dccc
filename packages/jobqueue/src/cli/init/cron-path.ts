/** Finds in an app's own files what would make its cron silent: a redirect, a login, another path. Reads text and runs no code. */

/** The path that the platform calls, before `basePath` and `trailingSlash`. Middleware sees this one. */
export const DRAIN_PATH = '/api/cron/drain';

/** Whom a pattern lets pass besides the drain: what Next.js' documents leave out too. */
const LETS_THROUGH = "'/((?!api/cron|_next/static|_next/image|favicon.ico).*)'";

export interface CronPath {
  /** With `basePath` and `trailingSlash`: crons do not follow redirects. */
  readonly path: string;
  /** Parts that could not be read from the text. */
  readonly byHand: readonly string[];
}

/**
 * Reads the cron path out of a configuration. `name`: the file's name in messages. `text`: the text of next.config.*; null if the
 * app has none.
 */
export function cronPath(name: string, text: string | null): CronPath {
  const config = withoutComments(text ?? '');
  const basePath = /\bbasePath['"]?\s*:\s*(['"`])(\/[^'"`$]*)\1/.exec(config)?.[2] ?? '';
  const isUnread = basePath === '' && /\bbasePath\b(?!['"]?\s*:\s*(''|""))/.test(config);
  const hasSlash = /\btrailingSlash['"]?\s*:\s*true\b/.test(config);
  const isSlashUnread = !hasSlash && /\btrailingSlash\b(?!['"]?\s*:\s*false)/.test(config);
  const unread = [...(isUnread ? ['basePath'] : []), ...(isSlashUnread ? ['trailingSlash'] : [])];
  return {
    path: `${basePath}${DRAIN_PATH}${hasSlash ? '/' : ''}`,
    byHand: unread.map(
      (option) => `${name} computes ${option}: the cron's path has to be the one that answers without a redirect`,
    ),
  };
}

/** One line if a proxy (middleware, before Next.js 16) gets the cron's request before the route does; else null. */
export function middlewareInTheWay(name: string, text: string): string | null {
  const hit = matchersOf(withoutComments(text)).find(coversDrain);
  if (hit === undefined) return null;
  const line = text.split('\n').findIndex((each) => /\bmatcher\b/.test(each)) + 1;
  return (
    `${name}${line === 0 ? '' : `:${line}`} (${hit}) handles ${DRAIN_PATH} before the route does: a redirect or a 401 there makes the ` +
    `cron silent. Let it through, such as by matcher: [${LETS_THROUGH}]`
  );
}

/** The literals of `config.matcher`, or words where there are none. */
function matchersOf(text: string): string[] {
  const matcher = /\bmatcher['"]?\s*:\s*/.exec(text);
  if (matcher === null) return ['no matcher'];
  const rest = text.slice(matcher.index + matcher[0].length);
  if (!/^[[{'"`]/.test(rest)) return ['a computed matcher'];
  const literals = [...rest.matchAll(/(['"`])((?:\\.|(?!\1).)*)\1/g)].map(([, , literal = '']) => literal);
  const paths = literals.filter((literal) => literal.startsWith('/')).map((literal) => literal.replace(/\\(.)/g, '$1'));
  return /^[[{]/.test(rest) ? paths : paths.slice(0, 1);
}

/** Reads the part of path-to-regexp that matchers use: groups as they are, `:name` one segment, `:name*` any number of them. */
function coversDrain(matcher: string): boolean {
  if (!matcher.startsWith('/')) return true;
  const pattern = matcher
    .replace(/\/:\w+(\([^)]*\))?\*/g, '(?:/.*)?')
    .replace(/\/:\w+(\([^)]*\))?\?/g, '(?:/[^/]+)?')
    .replace(/\/:\w+\+/g, '/.+')
    .replace(/\/:\w+(?=\((?!\?))/g, '/')
    .replace(/\/:\w+/g, '/[^/]+');
  try {
    return new RegExp(`^${pattern}/?$`).test(DRAIN_PATH);
  } catch (error) {
    if (error instanceof SyntaxError) return true; // not understood: a person has to look
    throw error;
  }
}

/** Comments that begin a line: elsewhere `//` may be part of an address. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}
