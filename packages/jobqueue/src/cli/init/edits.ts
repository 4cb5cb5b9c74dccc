/** Changes to files that the app may have already. Each says what it does, and does nothing twice. Pure. */
import { CONSOLE_ENVIRONMENT, ENVIRONMENT } from './templates.ts';

export interface Edit {
  readonly text: string;
  /** One phrase each. Empty: nothing to do. */
  readonly does: readonly string[];
  /** Steps that only a person can decide. */
  readonly byHand: readonly string[];
}

type Json = Record<string, unknown>;

/** Null: it is no plain JSON object, and rewriting it would lose what its author wrote. */
export function parseJson(text: string): Json | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** On Vercel's Hobby plan a more frequent schedule fails the deployment. */
const HOBBY = "vercel.json: on Vercel's Hobby plan a cron may run once a day at most: change its schedule there";

/** `path`: the drain's own, with what next.config puts around it. */
export function editVercel(before: string, path: string): Edit {
  const config = parseJson(before);
  const cron = { path, schedule: '* * * * *' };
  if (config === null)
    return {
      text: before,
      does: [],
      byHand: [`vercel.json is no plain JSON: add ${JSON.stringify(cron)} to its crons`],
    };
  const crons = Array.isArray(config.crons) ? (config.crons as { path?: unknown }[]) : [];
  if (crons.some((each) => each.path === path)) return { text: before, does: [], byHand: [] };
  const other = crons.find((each) => bare(each.path) === bare(path));
  if (other)
    return {
      text: before,
      does: [],
      byHand: [
        `vercel.json: the cron ${other.path} is redirected, and crons do not follow: change its path to ${path}`,
      ],
    };
  return {
    text: printed({ ...config, crons: [...crons, cron] }, before),
    does: [`adds a cron for ${path}`],
    byHand: [HOBBY],
  };
}

function bare(path: unknown): string {
  return String(path).replace(/\/+$/, '');
}

/** `hasConsole`: whether the app has its page, or will. */
export function editEnvironment(before: string, hasConsole: boolean): Edit {
  const wanted = hasConsole ? [...ENVIRONMENT, ...CONSOLE_ENVIRONMENT] : ENVIRONMENT;
  const missing = wanted.filter(([name]) => !new RegExp(`^(# ?)?(export )?${name}=`, 'm').test(before));
  const lines = missing.map(([name, comment]) => `${comment}\n${name}=\n`).join('');
  const gap = before === '' || before.endsWith('\n') ? '' : '\n';
  return {
    text: missing.length > 0 ? `${before}${gap}${lines}` : before,
    does: missing.length > 0 ? [`names ${missing.map(([name]) => name).join(', ')}`] : [],
    byHand: [],
  };
}

/** With the indentation that was there. */
function printed(value: object, before: string): string {
  const indentation = /^([ \t]+)"/m.exec(before)?.[1] ?? '  ';
  return `${JSON.stringify(value, null, indentation)}\n`;
}
