/** The modules that a real process loads to enqueue: a server action pays for each of them on a cold start. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { freshDatabase } from '../../../tests/support/database.ts';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
/** Writes the URL of each module to stderr as Node loads it. */
const HOOK = `
  import { writeSync } from 'node:fs';
  export async function load(url, context, next) { writeSync(2, url + '\\n'); return next(url, context); }
`;
/** Enqueues with the built package, then drains, so that the drain's modules are seen to be missing before and not always. */
const PROGRAM = `
  import { register } from 'node:module';
  register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(HOOK)}));
  const { createQueue, defineJob } = await import('@conversure/jobqueue');
  const { connect } = await import('@conversure/jobqueue/postgres');
  const payload = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } };
  const mail = defineJob({ type: 'mail', payload, handler: async () => ({ run: async () => undefined }) });
  const database = connect(process.env.DATABASE_URL);
  const queue = createQueue({ database, jobs: [mail], log: () => undefined });
  const added = await queue.addJob('mail', { to: 'ada' });
  process.stderr.write('enqueued\\n');
  const { completed } = await queue.drain({ budgetMs: 10_000 });
  await database.close();
  console.log(JSON.stringify({ isAdded: added !== null, completed }));
`;

test('a process that enqueues loads no drain, no reads, no operations, no cron library, no zod, no drizzle and no console', async () => {
  const { url, drop } = await freshDatabase();
  try {
    const args = ['--no-warnings', '--input-type=module', '--eval', PROGRAM];
    const env = { PATH: process.env.PATH, NODE_ENV: 'test', DATABASE_URL: url } as const;
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: PACKAGE, env });
    expect(JSON.parse(stdout)).toEqual({ isAdded: true, completed: 1 });
    const [enqueueing = '', draining = ''] = stderr.split('enqueued\n');
    const drain = /dist\/(drainer|drain\/(drain|executor|exchange-loop)|schedules\/fire)[.]js/;
    expect(enqueueing).toMatch(/dist\/enqueue\/enqueue[.]js/);
    expect(draining).toMatch(drain);
    const refused =
      /node_modules\/(croner|zod|drizzle-orm|jobqueue-console)\/|packages\/console\/|dist\/(cli|reads)\/|dist\/operations\/(offered|operations)[.]js/;
    const loaded = enqueueing.split('\n').filter((line) => drain.test(line) || refused.test(line));
    expect(loaded).toEqual([]);
  } finally {
    await drop();
  }
});
