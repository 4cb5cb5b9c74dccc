/**
 * Leads a path to its function by the routes of a build's `config.json`, in the order of the Build Output API: the routes before any phase,
 * files and functions, then the phases `filesystem`, `miss` and `rewrite`. It knows what our builds use, and throws on what it does not know.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { BuildOutput, Route } from './build-output.ts';

export interface Destination {
  /** The function that is asked first and decides whether the request goes on: that of `proxy.ts`. */
  readonly middleware: string | null;
  /** Null: a file answers, or nothing does. */
  readonly function: string | null;
  /** The path that the router matched, such as `/[[...path]]`, which a function of several pages is told. */
  readonly matchedPath: string;
  /** The path of the request, with the parameters that the routes added to its query. */
  readonly path: string;
  /** Headers of the answer. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Throws a `TypeError` if `path` is no path. */
export function destinationOf(output: BuildOutput, path: string, asked: IncomingHttpHeaders): Destination {
  const original = new URL(path, 'https://queue.example');
  const query = new URLSearchParams(original.search);
  const headers: Record<string, string> = {};
  let middleware: string | null = null;
  let current = original.pathname;

  /** The name of the function at the current path, if one is there. */
  const found = () => output.paths.get(current.slice(1) || 'index');
  const isFile = () => output.statics.has(current.slice(1));
  const end = (name: string | null): Destination => {
    const search = query.size > 0 ? `?${query}` : '';
    return { middleware, function: name, matchedPath: current, path: original.pathname + search, headers };
  };

  for (const phase of ['start', 'filesystem', 'miss', 'rewrite']) {
    for (const route of phaseOf(output.routes, phase)) {
      const match = matched(route, current, asked);
      if (match === null) continue;
      Object.assign(headers, route.headers);
      if (route.middlewarePath !== undefined) middleware = route.middlewarePath.slice(1);
      if (route.dest !== undefined) {
        const { pathname, searchParams } = new URL(filled(route.dest, match), 'https://queue.example');
        current = decodeURIComponent(pathname);
        for (const [name, value] of searchParams) query.set(name, value);
      }
      if (route.status !== undefined && route.continue !== true) return end(null);
      if (phase !== 'start' && (found() !== undefined || isFile())) return end(found() ?? null);
    }
    if (found() !== undefined || isFile()) return end(found() ?? null);
  }
  return end(null);
}

function phaseOf(routes: readonly Route[], phase: string): readonly Route[] {
  const from = phase === 'start' ? 0 : routes.findIndex(({ handle }) => handle === phase) + 1;
  if (phase !== 'start' && from === 0) return [];
  const length = routes.slice(from).findIndex(({ handle }) => handle !== undefined);
  return length === -1 ? routes.slice(from) : routes.slice(from, from + length);
}

/** Null if the path or a condition does not match; else the groups of the pattern. */
function matched(
  { src, has = [], missing = [] }: Route,
  path: string,
  headers: IncomingHttpHeaders,
): RegExpExecArray | null {
  const holds = ({ type, key, value }: { type: string; key: string; value?: string }) => {
    if (type !== 'header') throw new Error(`expected a condition on a header, got one on a ${type}`);
    const got = headers[key];
    return got !== undefined && (value === undefined || new RegExp(`^${value}$`).test(String(got)));
  };
  if (!has.every(holds) || missing.some(holds)) return null;
  return new RegExp(`^(?:${src})$`).exec(path);
}

/** `$1` and `$name`, and nothing for a group that did not match. */
function filled(template: string, match: RegExpExecArray): string {
  return template.replaceAll(/\$(\w+)/g, (_, group: string) => match[Number(group)] ?? match.groups?.[group] ?? '');
}
