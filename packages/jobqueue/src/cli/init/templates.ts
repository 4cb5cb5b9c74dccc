/** The files that `jobqueue init` makes beside the copied queue: the app's own from then on. */

export interface Place {
  /** Relative to `app/api/cron/drain/`: where the queue's folder is. */
  readonly fromRoute: string;
}

export const ROUTE = ({
  fromRoute,
}: Place) => `/** The platform's tick: drains what is due, and answers the report. The cron in vercel.json calls it. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { getDeadline } from '@vercel/functions';
import { queue } from '${fromRoute}/queue.ts';

/** Seconds; at most what the plan allows, and the same as maxDurationMs in queue.ts. */
export const maxDuration = 300;
export const dynamic = 'force-dynamic';

export async function GET(request: Request): Promise<Response> {
  const secret = process.env.CRON_SECRET ?? '';
  if (secret.length < 16) {
    console.error('CRON_SECRET is unset or shorter than 16 characters: the cron endpoint stays closed');
    return Response.json({ error: { code: 'not_configured' } }, { status: 503 });
  }
  const given = request.headers.get('authorization') ?? '';
  // Digests have one length, so that time tells nothing of the secret.
  if (!timingSafeEqual(digest(given), digest(\`Bearer \${secret}\`)))
    return Response.json({ error: { code: 'unauthorized' } }, { status: 401 });
  const deadline = getDeadline();
  return Response.json(await queue.drain({ source: 'cron', ...(deadline && { deadline }) }));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
`;

export const QUEUE = `/** The queue of this app. Connects when first used, so importing it needs no database. */
import { getDeadline, waitUntil } from '@vercel/functions';
import { database } from './db/client.ts';
import { jobs } from './jobs/index.ts';
import { createQueue } from './lib/jobqueue/index.ts';

export const queue = createQueue({
  database,
  jobs,
  environment: process.env.JOBQUEUE_ENVIRONMENT || process.env.VERCEL_ENV || undefined, // previews leave production's jobs alone
  maxDurationMs: 300_000,
  kick: { waitUntil, deadline: getDeadline, failed: (error) => console.error('kick', error) },
});
`;

export const JOBS = `/** Every type of job that this app knows. */
import { hello } from './hello/job.ts';

export const jobs = [hello] as const;
`;

export const HELLO_JOB = `/** \`hello\`: an example. The declaration is light; its handler is loaded when a drain claims the first one. */
import { z } from 'zod';
import { defineJob } from '../../index.ts';

export const hello = defineJob({
  type: 'hello',
  payload: z.object({ name: z.string().min(1) }),
  timeout: '30s',
  handler: () => import('./run.ts'),
});
`;

export const HELLO_RUN = `/** Greets. What it returns is stored as the job's result; what it throws is a failed attempt, tried again after 2 s, 4 s, … */
import type { Handler } from '../../index.ts';

export const run: Handler<{ name: string }> = async ({ payload, signal }) => {
  signal.throwIfAborted(); // pass it to fetch: it fires at the timeout and at the drain's deadline
  return { greeting: \`Hello, \${payload.name}!\` };
};
`;

export const EXAMPLE = `/** Enqueue from a server action or a route handler like this. */
import { queue } from './queue.ts';

export async function sayHello(name: string): Promise<{ id: string } | null> {
  const added = await queue.addJob('hello', { name }, { idempotencyKey: \`hello:\${name}\` });
  queue.kick(); // drains behind this request; without it the next tick does
  return added; // null: a job with this key is there already
}
`;

export const MIGRATE = `/** Brings the database to the queue's schema, over the direct URL if there is one. Run it before each deploy. */
import { migrate } from './db/migrate.ts';

const url = process.env.DATABASE_URL_UNPOOLED || process.env.DATABASE_URL;
if (!url) throw new Error('DATABASE_URL is not set');
const environment = process.env.JOBQUEUE_ENVIRONMENT || process.env.VERCEL_ENV || undefined;
const { applied } = await migrate({ url, environment, log: console.log });
console.log(applied.length === 0 ? 'Up to date already.' : 'Up to date.');
`;

/** Imports of the queue name whole files: Node has to take them for modules, whatever the app is. */
export const PACKAGE = `${JSON.stringify({ private: true, type: 'module' }, null, 2)}\n`;

export const ENVIRONMENT = [
  ['DATABASE_URL', "# The queue's database. On Neon the pooled URL (its host ends in -pooler)."],
  ['DATABASE_URL_UNPOOLED', '# For migrations: the same database without the pooler.'],
  [
    'CRON_SECRET',
    `# Opens /api/cron/drain; the platform sends it. node -p "crypto.randomBytes(24).toString('base64url')"`,
  ],
] as const;
