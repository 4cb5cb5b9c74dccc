/** The files that `jobqueue init` writes: the app's own from then on. They compile under the settings of create-next-app. */

/** The folders of an app's code. */
export interface Layout {
  /** `src/` if the router is in `src/app`, else empty. */
  readonly base: '' | 'src/';
  /** True if `@/` names the folder of `base`, as create-next-app sets it up. */
  readonly hasAlias: boolean;
}

/** The layout that the console's page depends on. */
export interface ConsoleLayout {
  /** True if next.config turns `cacheComponents` on. */
  readonly hasCacheComponents: boolean;
}

/** Path and text of each file. `console`: null leaves its page out. */
export function filesFor(
  { base, hasAlias }: Layout,
  console: ConsoleLayout | null = null,
): readonly (readonly [path: string, text: string])[] {
  const home = `${base}jobqueue`;
  const queue = hasAlias ? '@/jobqueue/queue' : null;
  return [
    [`${home}/queue.ts`, QUEUE],
    [`${home}/jobs.ts`, JOBS],
    [`${home}/hello.ts`, HELLO],
    ['jobqueue.config.ts', config(`./${home}/queue`)],
    [`${base}app/api/cron/drain/route.ts`, cronRoute(queue ?? '../../../../jobqueue/queue')],
    ...(console === null
      ? []
      : [[`${base}${CONSOLE_PAGE}`, consolePage(queue ?? '../../../jobqueue/queue', console)] as const]),
  ];
}

/** Below the folder that holds `app`. */
const CONSOLE_PAGE = 'app/jobqueue/[[...path]]/page.tsx';

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

const JOBS = `/** Every type of job that this app knows. Declarations are light: a handler is loaded when a drain claims the first job of its type. */
import { defineJob } from '@conversure/jobqueue';
import { z } from 'zod';

/** An example. */
export const hello = defineJob({
  type: 'hello',
  payload: z.object({ name: z.string().min(1) }),
  timeout: '30s',
  handler: () => import('./hello'),
});

export const jobs = [hello] as const;
`;

const HELLO = `/** The handler of \`hello\`. The result is stored with the job. An error is a failed attempt, which is tried again after 2 s, 4 s, … */
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

/** One file, so that the app keeps one: the layout is rendered inside of the page. */
function consolePage(queue: string, { hasCacheComponents }: ConsoleLayout): string {
  const instant = '\n/** All of the console is read at request time. */\nexport const instant = false;\n';
  return `/** The console at /jobqueue: what the queue does, and what an operator can do about it. OPERATOR_SECRET opens its login. */
import '@conversure/jobqueue-console/styles.css';
import { type ConsolePageProps, defineConsole } from '@conversure/jobqueue-console';
import { queue } from '${queue}';

const queueConsole = defineConsole({ queue, basePath: '/jobqueue' });

async function act(form: FormData) {
  'use server';
  await queueConsole.act(form);
}

export default function Page(props: ConsolePageProps) {
  return (
    <queueConsole.Layout action={act}>
      <queueConsole.Page {...props} />
    </queueConsole.Layout>
  );
}

export const generateMetadata = queueConsole.metadata;
${hasCacheComponents ? instant : ''}
/** Seconds. A drain by hand runs in the function of this page. */
export const maxDuration = 300;
`;
}

/** Variables of `.env.example`, each with its comment. */
export const ENVIRONMENT = [
  [
    'DATABASE_URL',
    "# The queue's database. On Neon the pooled URL (its host ends in -pooler). If it is unset, npx jobqueue dev brings one.",
  ],
  ['DATABASE_URL_UNPOOLED', '# For migrations: the same database without the pooler. Optional elsewhere.'],
  ['CRON_SECRET', `# Opens /api/cron/drain; Vercel sends it. node -p "crypto.randomBytes(24).toString('base64url')"`],
] as const;

/** The console's, besides. */
export const CONSOLE_ENVIRONMENT = [
  [
    'OPERATOR_SECRET',
    '# Opens the console at /jobqueue: 16 characters or more. VIEWER_SECRET opens it for people who may only look.',
  ],
] as const;
