/** Reads in an app's own files what makes its cron silent: no entry, another path, a redirect, a proxy in the way, a schedule too rare. Runs no code. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cronPath, DRAIN_PATH, middlewareInTheWay } from '../init/cron-path.ts';
import { parseJsonc } from '../tsconfig-paths.ts';
import { type Finding, ok, red, warn } from './finding.ts';

const CODE = ['ts', 'mts', 'js', 'mjs', 'cjs'];

interface VercelJson {
  readonly crons?: readonly { readonly path?: string; readonly schedule?: string }[];
  readonly trailingSlash?: boolean;
  readonly redirects?: readonly { readonly source?: string }[];
}

interface File {
  readonly name: string;
  readonly text: string;
}

/** Findings about the app in `folder`; none if it holds neither a Next.js app nor one for Vercel. */
export function cronFindings(folder: string): Finding[] {
  const first = (names: readonly string[]): File | null => {
    const name = names.find((each) => existsSync(join(folder, each)));
    return name === undefined ? null : { name, text: readFileSync(join(folder, name), 'utf8') };
  };
  const next = first(CODE.map((extension) => `next.config.${extension}`));
  const json = first(['vercel.json']);
  const code = first(CODE.map((extension) => `vercel.${extension}`));
  if (next === null && json === null && code === null) return [];
  const names = ['proxy', 'middleware'].flatMap((name) => ['', 'src/'].map((base) => `${base}${name}`));
  const proxy = first(names.flatMap((name) => [`${name}.ts`, `${name}.js`]));
  const expected = cronPath(next?.name ?? 'next.config', next?.text ?? null);
  return [
    ...expected.byHand.map((line) => warn('next.config', line, `compare it with the path of the cron by ${BY_URL}`)),
    ...entryOf(json, code, expected.path),
    ...inTheWay(proxy),
  ];
}

/** The path that the platform is to call, by the app's own files: its cron for the drain if there is one, else the expected one. */
export function tickPathOf(folder: string): string {
  const json = join(folder, 'vercel.json');
  const crons = existsSync(json) ? cronsOf({ name: 'vercel.json', text: readFileSync(json, 'utf8') }) : [];
  const own = crons.find(({ path }) => path?.includes(DRAIN_PATH))?.path;
  if (own !== undefined) return own;
  const name = CODE.map((extension) => `next.config.${extension}`).find((each) => existsSync(join(folder, each)));
  return cronPath(name ?? 'next.config', name === undefined ? null : readFileSync(join(folder, name), 'utf8')).path;
}

const BY_URL = 'npx jobqueue doctor --url https://your-app, which calls it as the platform does';

function entryOf(json: File | null, code: File | null, path: string): Finding[] {
  const line = `{ "path": "${path}", "schedule": "* * * * *" }`;
  if (code !== null) {
    if (json !== null)
      return [red('vercel.json', `the platform refuses it beside ${code.name}`, 'keep one of the two')];
    const isNamed = code.text.includes(path);
    const mend = `add ${line} to its crons, or look whether it computes that path`;
    return [isNamed ? ok(code.name, `names ${path}`) : warn(code.name, `does not name ${path}`, mend)];
  }
  const mend = `add ${line} to "crons" of vercel.json, or have another scheduler call it each minute`;
  if (json === null) return [warn('vercel.json', 'the app has none, so the platform calls nothing', mend)];
  const found = cronsOf(json);
  const entry = found.find((each) => each.path === path);
  if (entry !== undefined) return [scheduleOf(path, entry.schedule ?? ''), ...redirectsOf(json, path)];
  const similar = found.find((each) => each.path?.includes(DRAIN_PATH) || each.path?.endsWith('/drain'));
  if (similar === undefined) return [red('vercel.json', `it has no cron for ${path}`, mend)];
  const detail = `its cron calls ${similar.path}, and the route answers at ${path}: a cron follows no redirect`;
  return [red('vercel.json', detail, `change the path of that cron to ${path}`)];
}

/** A cron with fixed minute and hour comes once a day at most. */
function scheduleOf(path: string, schedule: string): Finding {
  const isRare = /^\s*\d+\s+\d+\s/.test(schedule);
  if (!isRare) return ok('vercel.json', `${path} at ${schedule}; the Hobby plan deploys at most one run a day`);
  const mend =
    "on a paid plan '* * * * *'; on Hobby let another scheduler call the path each minute with CRON_SECRET, and kick after enqueues";
  return warn('vercel.json', `${path} at ${schedule}: without a kick a job waits for up to a day`, mend);
}

function redirectsOf(json: File, path: string): Finding[] {
  const { trailingSlash, redirects = [] } = parseJsonc<VercelJson>(json.text, json.name);
  const slash = trailingSlash === undefined || path.endsWith('/') === trailingSlash;
  const redirect = redirects.find(({ source }) => source === path);
  return [
    ...(slash ? [] : [red('trailingSlash', `vercel.json redirects ${path}`, "make the cron's path end the same way")]),
    ...(redirect
      ? [red('redirects', `vercel.json redirects ${path}`, 'leave that path out: crons do not follow')]
      : []),
  ];
}

function inTheWay(proxy: File | null): Finding[] {
  const line = proxy === null ? null : middlewareInTheWay(proxy.name, proxy.text);
  return line === null ? [] : [warn('proxy', line, `try it by ${BY_URL}`)];
}

/** Throws Failure if it is not JSON. */
function cronsOf({ name, text }: File): NonNullable<VercelJson['crons']> {
  const { crons } = parseJsonc<VercelJson>(text, name);
  return Array.isArray(crons) ? crons : [];
}
