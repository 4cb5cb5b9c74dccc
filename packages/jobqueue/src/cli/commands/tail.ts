/** `jobqueue tail`: jobs as they come, and what becomes of them, until Ctrl-C. Asks by keyset; nothing is kept on the server. */
import { Command, Option } from 'commander';
import { onInterrupt } from '../interrupt.ts';
import { withTarget } from '../open-target.ts';
import { type Common, duration, onTarget } from '../options.ts';
import { note, plain, print, printJsonLine } from '../output.ts';
import type { Answer, Target } from '../target.ts';
import { statusOf } from './jobs.ts';

type Line = Answer<{ action: 'follow'; after: string }>['jobs'][number];

/** Unfinished jobs that are looked at again; of more, the oldest are left to themselves. */
const MOST_FOLLOWED = 1_000;
/** New lines a look: more than this no eye can follow. */
const MOST_NEW = 500;
/** Ids are given before their transaction commits: so far behind the newest one a job may still turn up. */
const LATE_IDS = 500n;

interface Options extends Common {
  readonly type?: string;
  readonly queue?: string;
  readonly interval: number;
}

export function tailCommand(): Command {
  return onTarget(new Command('tail'))
    .description('follow jobs as they are enqueued, start and end; --json: a line each')
    .option('--type <type>', 'only this type')
    .option('--queue <queue>', 'only this queue')
    .addOption(
      new Option('--interval <duration>', 'between two looks').argParser(duration(100, 60_000)).default(1_000, '1s'),
    )
    .action((options: Options) =>
      withTarget(options, async (target) => {
        const interrupt = onInterrupt();
        if (!options.json) note(`following ${target.name}; Ctrl-C ends it`);
        try {
          await follow(target, options, interrupt.signal);
        } catch (error) {
          if (!interrupt.signal.aborted) throw error; // the look that Ctrl-C cut
        } finally {
          interrupt.done();
        }
      }),
    );
}

async function follow(target: Target, options: Options, signal: AbortSignal): Promise<void> {
  const { jobs: latest } = await target.ask({ action: 'jobs', limit: 1 }, { signal });
  let newest = BigInt(latest[0]?.id ?? 0);
  const first = newest;
  const known = new Map<string, string>();
  while (!signal.aborted) {
    const behind = newest > LATE_IDS ? newest - LATE_IDS : 0n;
    const after = (behind > first ? behind : first).toString();
    const ids = [...known].filter(([, status]) => isLive(status)).map(([id]) => id);
    const { jobs } = await target.ask({ action: 'follow', after, ids, limit: MOST_NEW }, { signal });
    for (const job of [...jobs].reverse()) {
      const before = known.get(job.id);
      if (BigInt(job.id) > newest) newest = BigInt(job.id);
      if (before === job.status) continue;
      known.set(job.id, job.status);
      if (!fits(job, options)) continue;
      if (options.json) printJsonLine({ ...job, before: before ?? null });
      else show(job);
    }
    forget(known, newest);
    await pause(options.interval, signal);
  }
}

function isLive(status: string): boolean {
  return status === 'PENDING' || status === 'PROCESSING';
}

/** Finished jobs are kept until none of them can be told for new again. */
function forget(known: Map<string, string>, newest: bigint): void {
  for (const [id, status] of known) if (!isLive(status) && BigInt(id) <= newest - LATE_IDS) known.delete(id);
  const live = [...known.keys()].filter((id) => isLive(known.get(id) ?? ''));
  for (const id of live.slice(0, Math.max(0, live.length - MOST_FOLLOWED))) known.delete(id);
}

function fits({ type, queue }: Line, options: Options): boolean {
  return (options.type ?? type) === type && (options.queue ?? queue) === queue;
}

function show(job: Line): void {
  const time = new Date().toISOString().slice(11, 19);
  const error = job.error === null ? '' : `  ${plain(job.error)}`;
  print(`${time}  ${job.id.padEnd(8)}  ${job.type.padEnd(20)}  ${statusOf(job.status)}${error}`);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', wake);
      resolve();
    };
    const timer = setTimeout(wake, ms);
    signal.addEventListener('abort', wake, { once: true });
  });
}
