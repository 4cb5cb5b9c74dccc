/** The files that `jobqueue init` writes: the app's own from then on. They compile under the settings of create-next-app. */

/** Where an app keeps its code. */
export interface Layout {
  /** `src/` if the router is in `src/app`, else empty. */
  readonly base: '' | 'src/';
  /** Whether `@/` names the folder of `base`, as create-next-app makes it. */
  readonly hasAlias: boolean;
}

/** Path and text of each file. */
export function filesFor({ base, hasAlias }: Layout): readonly (readonly [path: string, text: string])[] {
  const home = `${base}jobqueue`;
  return [
    [`${home}/queue.ts`, QUEUE],
    [`${home}/jobs/index.ts`, JOBS],
    [`${home}/jobs/hello/job.ts`, HELLO_JOB],
    [`${home}/jobs/hello/run.ts`, HELLO_RUN],
    ['jobqueue.config.ts', config(`./${home}/queue`)],
    [`${base}app/api/cron/drain/route.ts`, cronRoute(hasAlias ? '@/jobqueue/queue' : '../../../../jobqueue/queue')],
  ];
}

const QUEUE = `/** The queue of this app. It connects on the first statement, so importing it needs no database. */
import { createQueue } from '@conversure/jobqueue';
import { kickAfter } from '@conversure/jobqueue/next';
import { database } from '@conversure/jobqueue/postgres';
import { jobs } from './jobs';

export const queue = createQueue({
  database,
  jobs,
  // Drains of a preview leave production's jobs alone.
  environment: process.env.JOBQUEUE_ENVIRONMENT || process.env.VERCEL_ENV || undefined,
  // The same as maxDuration in app/api/cron/drain/route.ts.
  maxDurationMs: 300_000,
  // queue.kick() starts what a request enqueued, behind its answer.
  kick: kickAfter(),
});
`;

const JOBS = `/** Every type of job that this app knows. */
import { hello } from './hello/job';

export const jobs = [hello] as const;
`;

const HELLO_JOB = `/** \`hello\`: an example. This declaration is light; the handler is loaded when a drain claims the first job of this type. */
import { defineJob } from '@conversure/jobqueue';
import { z } from 'zod';

export const hello = defineJob({
  type: 'hello',
  payload: z.object({ name: z.string().min(1) }),
  timeout: '30s',
  handler: () => import('./run'),
});
`;

const HELLO_RUN = `/** The result is stored with the job. An error is a failed attempt, which is tried again after 2 s, 4 s, … */
import type { Handler } from '@conversure/jobqueue';

export const run: Handler<{ name: string }> = async ({ payload, signal }) => {
  signal.throwIfAborted(); // pass it to fetch: it aborts at the timeout and near the drain's deadline
  return { greeting: \`Hello, \${payload.name}!\` };
};
`;

function config(queue: string): string {
  return `/** The command line finds this app's queue here. */
import { defineConfig } from '@conversure/jobqueue';

export default defineConfig({ queue: () => import('${queue}') });
`;
}

function cronRoute(queue: string): string {
  return `/** The platform's tick: runs the jobs that are due. Vercel's cron calls it with CRON_SECRET. */
import { cronRoute } from '@conversure/jobqueue/next';
import { queue } from '${queue}';

export const maxDuration = 300; // seconds; at most what the plan allows
export const { GET, POST } = cronRoute(queue);
`;
}

/** Variables of `.env.example`, each with its comment. */
export const ENVIRONMENT = [
  ['DATABASE_URL', "# The queue's database. On Neon the pooled URL (its host ends in -pooler)."],
  ['DATABASE_URL_UNPOOLED', '# For migrations: the same database without the pooler. Optional elsewhere.'],
  ['CRON_SECRET', `# Opens /api/cron/drain; Vercel sends it. node -p "crypto.randomBytes(24).toString('base64url')"`],
] as const;
