/** The queue of the tests that end processes: one job whose modes leave an effect, wait, or take their process with them. */
import { z } from 'zod';
import { createQueue, defineJob, type JobContext } from '../src/index.ts';
import type { Database } from '../src/postgres/connect.ts';

const payload = z.object({
  mode: z.enum(['effect', 'wait', 'deaf', 'abort']),
  n: z.number(),
  /** Before the effect, or the end. */
  ms: z.number().optional(),
});

export type Doomed = z.infer<typeof payload>;
export type DoomedContext = JobContext<Doomed>;

/** Called at the start of a handler. */
export type OnStart = (context: DoomedContext) => void | Promise<void>;

export function doomedQueue(database: Database, onStart: OnStart = () => undefined) {
  const run = async (context: DoomedContext) => {
    await onStart(context);
    await perform(database, context);
  };
  return createQueue({ database, jobs: [defineJob({ type: 'doomed', payload, handler: async () => ({ run }) })] });
}

async function perform(database: Database, { payload: { mode, ms = 0 }, job, signal }: DoomedContext): Promise<void> {
  if (mode === 'deaf') await new Promise(() => undefined);
  if (mode === 'wait') await toldToEnd(signal);
  if (ms > 0) await new Promise((passed) => setTimeout(passed, ms));
  if (mode === 'abort') process.abort();
  await database.execute({ text: 'insert into effects (job_id, fence) values ($1, $2)', params: [job.id, job.fence] });
}

async function toldToEnd(signal: AbortSignal): Promise<never> {
  return new Promise((_, refuse) => signal.addEventListener('abort', () => refuse(signal.reason)));
}

/** A table for handlers' effects; its key makes a second run under one fence an error. */
export async function createEffects(database: Database): Promise<void> {
  const text =
    'create table effects (job_id bigint, fence int, constraint one_run_per_fence primary key (job_id, fence))';
  await database.execute({ text, params: [] });
}
