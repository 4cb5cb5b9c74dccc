/** `jobqueue jobs`: the latest jobs, page by page. */
import { Command, Option } from 'commander';
import { withTarget } from '../open-target.ts';
import { type Common, given, onTarget, text, whole } from '../options.ts';
import { ago, coloured, note, plain, print, printJson, printTable } from '../output.ts';
import type { Answer } from '../target.ts';

const STATUSES = ['PENDING', 'PROCESSING', 'COMPLETED', 'DEAD_LETTER', 'CANCELLED'] as const;
export type Line = Answer<{ action: 'jobs' }>['jobs'][number];

interface Options extends Common {
  readonly status?: (typeof STATUSES)[number];
  readonly type?: string;
  readonly queue?: string;
  readonly limit: number;
  readonly search?: string;
  readonly after?: string;
}

export function jobsCommand(): Command {
  return onTarget(new Command('jobs'))
    .description('list jobs, newest first; pending ones by due time')
    .addOption(new Option('--status <status>', 'only these').choices(STATUSES))
    .option('--type <type>', 'only this type')
    .option('--queue <queue>', 'only this queue')
    .option('--search <text>', 'an id, or the beginning of the idempotency key', text(512))
    .option('--limit <n>', 'the most jobs, to 200', whole(1, 200), 50)
    .option('--after <cursor>', 'the cursor of the next page, printed below each page', text(2_000))
    .action(({ status, type, queue, search, after, limit, ...options }: Options) =>
      withTarget(options, async (target) => {
        const page = await target.ask({ action: 'jobs', limit, ...given({ status, type, queue, search, after }) });
        if (options.json) return printJson(page);
        if (page.jobs.length === 0) print('No jobs match.');
        else printJobs(page.jobs);
        if (page.isPart)
          note(
            'more than 100,000 lanes hold pending jobs; only the first were searched: --queue <queue> sees all of its jobs',
          );
        if (page.next !== null)
          note(
            `${page.searchedTo === null ? 'more' : `searched down to ${page.searchedTo}, further`}: --after ${page.next}`,
          );
      }),
    );
}

export function printJobs(jobs: readonly Line[]): void {
  const now = Date.now();
  printTable(
    ['id', 'type', 'queue', 'status', 'attempts', 'enqueued', 'due', 'error'],
    jobs.map((job) => [
      job.id,
      job.type,
      job.queue,
      statusOf(job.status),
      `${job.attempts}/${job.maxAttempts}`,
      ago(job.createdAt, now),
      dueOf(job, now),
      job.error === null ? null : plain(job.error.message, 50),
    ]),
  );
}

function dueOf(job: Line, now: number): string | null {
  if (job.status !== 'PENDING') return null;
  return job.waitsForChildren ? 'after its children' : ago(job.scheduledFor, now);
}

export function statusOf(status: Line['status']): string {
  switch (status) {
    case 'DEAD_LETTER':
      return coloured('red', status);
    case 'COMPLETED':
      return coloured('green', status);
    case 'PROCESSING':
      return coloured('yellow', status);
    case 'PENDING':
    case 'CANCELLED':
      return status;
  }
}
