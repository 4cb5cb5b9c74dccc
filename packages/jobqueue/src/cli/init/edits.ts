/** What has to change in files that the app has already. Each edit says what it does, and does nothing twice. Pure. */
import type { Needed } from './copied.ts';
import { ENVIRONMENT } from './templates.ts';

export interface Edit {
  readonly text: string;
  /** One line each. Empty: nothing to do. */
  readonly does: readonly string[];
  /** What only a person can decide. */
  readonly byHand: readonly string[];
}

type Json = Record<string, unknown>;

/** Null: it is no plain JSON, and rewriting it would lose what its author wrote. */
export function parseJson(text: string): Json | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

export function editPackage(before: string, needs: Needed, script: string): Edit {
  const app = parseJson(before) ?? {};
  const has = { ...(app.dependencies as Json | undefined), ...(app.devDependencies as Json | undefined) };
  const missing = (all: Readonly<Record<string, string>>) => Object.entries(all).filter(([name]) => !(name in has));
  const dependencies = missing(needs.dependencies);
  const devDependencies = missing(needs.devDependencies);
  const scripts = (app.scripts ?? {}) as Json;
  const hasScript = 'jobqueue:migrate' in scripts;
  const after = {
    ...app,
    ...(!hasScript && { scripts: { ...scripts, 'jobqueue:migrate': script } }),
    ...(dependencies.length > 0 && { dependencies: sorted(app.dependencies, dependencies) }),
    ...(devDependencies.length > 0 && { devDependencies: sorted(app.devDependencies, devDependencies) }),
  };
  const added = [...dependencies, ...devDependencies].map(([name]) => name);
  const other = Object.entries(needs.dependencies).filter(
    ([name, version]) => name in has && major(String(has[name])) !== major(version),
  );
  return {
    text: printed(after, before),
    does: [
      ...(added.length > 0 ? [`adds ${added.join(', ')}`] : []),
      ...(hasScript ? [] : ['adds the script jobqueue:migrate']),
    ],
    byHand: other.map(([name, version]) => `${name}: the app has ${has[name]}, the queue was tested with ${version}`),
  };
}

/** The queue's files import each other with their extension, and hold literals that ES2017, Next.js' default, has not. */
export function editTsconfig(before: string): Edit {
  const config = parseJson(before);
  const wanted = '"allowImportingTsExtensions": true and "target": "ES2022" under compilerOptions';
  if (config === null) return { text: before, does: [], byHand: [`tsconfig.json has comments: set ${wanted}`] };
  const options = (config.compilerOptions ?? {}) as Json;
  const does: string[] = [];
  const changed: Json = {};
  if (options.allowImportingTsExtensions !== true) {
    changed.allowImportingTsExtensions = true;
    does.push('sets allowImportingTsExtensions');
  }
  if (year(options.target) < 2020) {
    changed.target = 'ES2022';
    does.push('sets target to ES2022');
  }
  return { text: printed({ ...config, compilerOptions: { ...options, ...changed } }, before), does, byHand: [] };
}

export function editVercel(before: string): Edit {
  const config = parseJson(before);
  const cron = { path: '/api/cron/drain', schedule: '* * * * *' };
  if (config === null)
    return {
      text: before,
      does: [],
      byHand: [`vercel.json is no plain JSON: add ${JSON.stringify(cron)} to its crons`],
    };
  const crons = Array.isArray(config.crons) ? config.crons : [];
  if (crons.some(({ path }: { path?: unknown }) => path === cron.path)) return { text: before, does: [], byHand: [] };
  return {
    text: printed({ ...config, crons: [...crons, cron] }, before),
    does: ['adds the cron for /api/cron/drain'],
    byHand: ["on Vercel's Hobby plan a cron may run once a day at most: change its schedule there"],
  };
}

export function editEnvironment(before: string): Edit {
  const missing = ENVIRONMENT.filter(([name]) => !new RegExp(`^(# ?)?${name}=`, 'm').test(before));
  const lines = missing.map(([name, comment]) => `${comment}\n${name}=\n`).join('');
  const gap = before === '' || before.endsWith('\n') ? '' : '\n';
  return {
    text: missing.length > 0 ? `${before}${gap}${lines}` : before,
    does: missing.length > 0 ? [`names ${missing.map(([name]) => name).join(', ')}`] : [],
    byHand: [],
  };
}

function sorted(before: unknown, added: readonly (readonly [string, string])[]): Json {
  const all = { ...(before as Json | undefined), ...Object.fromEntries(added) };
  return Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** With the indentation that was there. */
function printed(value: object, before: string): string {
  const indentation = /^([ \t]+)"/m.exec(before)?.[1] ?? '  ';
  return `${JSON.stringify(value, null, indentation)}\n`;
}

function major(range: string): string {
  return /\d+/.exec(range)?.[0] ?? range;
}

function year(target: unknown): number {
  const text = String(target ?? 'ES5').toUpperCase();
  if (text === 'ESNEXT') return 9999;
  const number = Number(/^ES(\d+)$/.exec(text)?.[1] ?? 5);
  return number < 2000 ? 2009 + number : number; // ES6 is 2015
}
