/** Chooses an app's package manager, and what it has to install. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

export type PackageManager = 'npm' | 'pnpm' | 'yarn' | 'bun';

const LOCKFILES: readonly (readonly [file: string, manager: PackageManager])[] = [
  ['pnpm-lock.yaml', 'pnpm'],
  ['yarn.lock', 'yarn'],
  ['bun.lock', 'bun'],
  ['bun.lockb', 'bun'],
  ['package-lock.json', 'npm'],
  ['npm-shrinkwrap.json', 'npm'],
];

/**
 * The nearest lockfile decides, from the folder up to the repository's root: the one of a monorepo lies above its apps. Without any, the
 * manager that runs this program (`agent`, npm_config_user_agent) does.
 */
export function packageManager(folder: string, agent = ''): PackageManager {
  for (let here = folder; ; here = dirname(here)) {
    const found = LOCKFILES.find(([file]) => existsSync(join(here, file)));
    if (found) return found[1];
    if (existsSync(join(here, '.git')) || dirname(here) === here) break;
  }
  const named = agent.split('/')[0];
  return named === 'pnpm' || named === 'yarn' || named === 'bun' ? named : 'npm';
}

const PACKAGE = '@conversure/jobqueue';
export const CONSOLE_PACKAGE = '@conversure/jobqueue-console';

/** Packages that the written files and the command line import, with the majors that they were tested with. */
const PEERS = { pg: 8, zod: 4 } as const;

/** Packages to install, as arguments of the package manager. */
export interface PackageSpecs {
  readonly queue: string;
  readonly console: string;
}

/** Arguments of the package manager; empty if the app has all of it. */
export function missingPackages(
  has: Readonly<Record<string, string>>,
  specs: PackageSpecs,
  wantsConsole: boolean,
): readonly string[] {
  const peers = Object.entries(PEERS).filter(([name]) => !(name in has));
  return [
    ...(PACKAGE in has ? [] : [specs.queue]),
    ...(CONSOLE_PACKAGE in has || !wantsConsole ? [] : [specs.console]),
    ...peers.map(([name, major]) => `${name}@${major}`),
  ];
}

/** `given`: a name with a version or the path of a tarball. Default: this version of `name`. */
export function packageSpec(given: string | undefined, version: string, name = PACKAGE): string {
  if (given === undefined) return `${name}@${version}`;
  return existsSync(given) ? resolve(given) : given;
}

/** Payload schemas need Standard Schema, which zod has from 3.25 on. Null: nothing to say. */
export function oldZod(range: string | undefined): string | null {
  const [, major, minor] = /^[\^~>=v\s]*(\d+)(?:\.(\d+))?/.exec(range ?? '') ?? [];
  if (major === undefined || Number(major) > 3 || (Number(major) === 3 && Number(minor ?? 0) >= 25)) return null;
  return `zod: package.json asks for ${range}, expected 3.25 or later`;
}
