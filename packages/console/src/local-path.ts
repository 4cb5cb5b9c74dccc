/** The page that a login leads to: a path of this app and nothing else, because anyone can write the address of the login page. */

const MOST_CHARS = 2_000;
/** Any origin would do; none can be reached. */
const HERE = 'http://here.invalid';

/** `next` as a header carries it: visible ASCII, percent-encoded. Anything that is not a path of this app becomes `/`. */
export function localPath(next: string | string[] | undefined): string {
  if (typeof next !== 'string' || !next.startsWith('/') || !URL.canParse(next, HERE)) return '/';
  const { origin, pathname, search, hash } = new URL(next, HERE);
  const path = `${pathname}${search}${hash}`; // a browser would read `//` and, after it has dropped the dots, `/.//` as another host
  return origin === HERE && !path.startsWith('//') && path.length <= MOST_CHARS ? path : '/';
}
