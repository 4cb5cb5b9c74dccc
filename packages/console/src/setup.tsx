/** Checks the options of a console, and puts its screens and the app's in one list. */
import type { Log } from '@conversure/jobqueue';
import type { ConsoleOptions, OwnScreen, Place, Screen, Setup } from './options.ts';
import { PLACES, SCREENS } from './screens/index.tsx';

/** Throws TypeError for a base path or a screen's path that is none. */
export function setupOf(options: ConsoleOptions): Setup {
  const { queue, basePath = '/', title = 'JobQueue', screens = [], maxDurationMs = 300_000 } = options;
  for (const path of [basePath, ...screens.map((screen) => screen.path)])
    if (!/^\/([\w.-]+(\/[\w.-]+)*)?$/.test(path))
      throw new TypeError(`defineConsole: expected a path such as /jobqueue, without a slash at its end, got ${path}`);
  const taken = screens.find(({ path }) => PLACES.some((place) => place.path === path));
  if (taken) throw new TypeError(`defineConsole: screens: ${taken.path} is a screen of the console itself`);
  return {
    queue,
    title,
    base: basePath === '/' ? '' : basePath,
    screens: [...SCREENS, ...screens.flatMap(screenOf)],
    places: [...PLACES.slice(0, -1), ...screens.map(placeOf), ...PLACES.slice(-1)], // the audit log stays the last
    authorize: options.authorize,
    overview: options.overview,
    incident: options.incident,
    messages: options.messages ?? {},
    maxDurationMs,
    log: options.log ?? logToStderr,
  };
}

function placeOf({ path, title, icon = null }: OwnScreen): Place {
  return { path, title, icon };
}

function screenOf({ path, title, page: Page }: OwnScreen): Screen[] {
  if (Page === undefined) return [];
  return [{ path, title, page: ({ session, sent }) => <Page session={session} searchParams={sent} /> }];
}

const logToStderr: Log = (level, event, fields) => {
  if (level === 'debug' || level === 'info') return;
  const plain = (_: string, value: unknown) => (value instanceof Error ? `${value.name}: ${value.message}` : value);
  process.stderr.write(`${JSON.stringify({ level, event, ...fields }, plain)}\n`);
};
