/** The platform's cron on this machine: calls the paths of `vercel.json` at their times, as the platform would. */
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { Cron } from 'croner';

/** One cron of a `vercel.json`. The ticker also takes a sixth field in front: seconds. */
export interface TickerSchedule {
  /** Begins with a slash. */
  readonly path: string;
  readonly schedule: string;
}

/** A running ticker. */
export interface Ticker {
  /** No further ticks. Those that run are left to the app, which gives back what they hold. */
  stop(): void;
}

/** Options of `startTicker`. */
export interface TickerOptions {
  /** `http://host:port` of the app. */
  readonly origin: string;
  readonly schedules: readonly TickerSchedule[];
  readonly secret: string;
  /** Gets a line per tick that did something or failed. */
  readonly print: (line: string) => void;
  /** The longest a tick may take, default 15 minutes: beyond the platform's longest function (800 s). */
  readonly timeoutMs?: number;
}

/** The `crons` of a `vercel.json`. Throws SyntaxError if it is not JSON, TypeError if a cron has no path or no schedule. */
export function readSchedules(path: string): TickerSchedule[] {
  const { crons = [] } = JSON.parse(readFileSync(path, 'utf8')) as { crons?: readonly Partial<TickerSchedule>[] };
  return crons.map(({ path: called, schedule }, n) => {
    if (called?.startsWith('/') && typeof schedule === 'string') return { path: called, schedule };
    throw new TypeError(`${path}: crons.${n}: expected { "path": "/…", "schedule": "* * * * *" }`);
  });
}

/**
 * Ticks until stopped, in UTC as the platform does. A tick whose predecessor still runs is left out: the platform would start it
 * on another machine, but here a second drain would only share this one's.
 */
export function startTicker({ origin, schedules, secret, print, timeoutMs = 15 * 60_000 }: TickerOptions): Ticker {
  let stopped = false;
  const running = new Set<string>();
  const tick = async ({ path, schedule }: TickerSchedule) => {
    if (running.has(path)) return;
    running.add(path);
    try {
      const headers = { authorization: `Bearer ${secret}`, 'x-vercel-cron-schedule': schedule };
      const done = summary(await call(new URL(path, origin), headers, timeoutMs));
      if (done) print(`${clock()} ${path}: ${done}`);
    } catch (error) {
      // An app that is going down cuts its connections; that is no news.
      if (!stopped) print(`${clock()} ${path}: no answer (${error instanceof Error ? error.message : String(error)})`);
    } finally {
      running.delete(path);
    }
  };
  const crons = schedules.map((each) => new Cron(each.schedule, { timezone: 'UTC' }, () => tick(each)));
  return {
    stop() {
      stopped = true;
      for (const cron of crons) cron.stop();
    },
  };
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Reports are a few hundred bytes; whatever else answers there must not fill our memory. */
const BODY_CHARS = 64 * 1024;

/** `fetch` would give up on headers that take more than five minutes, which a drain's may. */
function call(url: URL, headers: Record<string, string>, timeoutMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = get(url, { headers, agent: false, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        if (body.length < BODY_CHARS) body += text;
      });
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.once('error', reject);
    });
    request.once('error', reject);
  });
}

/** Fields that describe the drain itself, not any work. */
const NOT_WORK = new Set(['steps', 'nextDueInMs']);

/** Summarises a tick in one line; `null` if there was nothing to do. */
function summary({ status, body }: Answer): string | null {
  const json = parse(body);
  if (status !== 200) {
    const message = isObject(json) && isObject(json.error) ? json.error.message : undefined;
    return typeof message === 'string' ? `${status} ${message}` : `answered ${status}`;
  }
  if (!isObject(json)) return 'answered 200 without a report';
  const counts = Object.entries(json)
    .filter(([name, value]) => typeof value === 'number' && value > 0 && !NOT_WORK.has(name))
    .map(([name, value]) => `${name} ${value}`);
  if (counts.length === 0) return null;
  return typeof json.stopReason === 'string' ? `${counts.join(', ')} (${json.stopReason})` : counts.join(', ');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

const clock = () => new Date().toISOString().slice(11, 19);
