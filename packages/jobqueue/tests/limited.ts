/** The queue of the tests of rate limits: handlers that ask, types that are limited, and the uses that both leave behind. */
import { z } from 'zod';
import { emptied } from '../../../tests/support/empty.ts';
import { createQueue, defineJob, type JobContext, type Limit } from '../src/index.ts';
import type { Database } from '../src/postgres/connect.ts';
import { rows } from './support.ts';

const payload = z.object({ key: z.string(), n: z.number() });

export type Send = z.infer<typeof payload>;
export type SendContext = JobContext<Send>;

export interface LimitedOptions {
  readonly limit: Limit;
  /** Instead of asking for a token and noting its use. */
  readonly ask?: (context: SendContext) => Promise<unknown>;
}

/** `asks`: its handler takes the token; `typed` and `keyed`: declared; `free`: no limit. */
export function limitedQueue(database: Database, { limit, ask }: LimitedOptions) {
  const note = ({ payload: { key, n }, job }: SendContext) => noteUse(database, key, n, job.attempt);
  const asking = async (context: SendContext) => {
    await context.rateLimit(context.payload.key, limit);
    await note(context);
  };
  const handler = (run: (context: SendContext) => Promise<unknown>) => async () => ({ run });
  return createQueue({
    database,
    jobs: [
      defineJob({ type: 'asks', payload, handler: handler(ask ?? asking) }),
      defineJob({ type: 'typed', payload, rateLimit: limit, handler: handler(note) }),
      defineJob({ type: 'keyed', payload, rateLimit: { ...limit, key: ({ key }) => key }, handler: handler(note) }),
      defineJob({ type: 'free', payload, handler: handler(note) }),
    ],
  });
}

export type LimitedType = 'asks' | 'typed' | 'keyed' | 'free';

export function sends(type: LimitedType, count: number, key = 'k') {
  return Array.from({ length: count }, (_, n) => ({ type, payload: { key, n } }));
}

export async function createUses(database: Database): Promise<void> {
  await rows(
    database,
    'create table if not exists uses (key text, n int, attempt int, used_ms float8, at timestamptz default clock_timestamp())',
  );
}

/** `used_ms` is the instant at which the handler had its token: all processes of a test read the same machine's clock. */
async function noteUse(database: Database, key: string, n: number, attempt: number): Promise<void> {
  const usedMs = performance.timeOrigin + performance.now();
  await rows(
    database,
    'insert into uses (key, n, attempt, used_ms) values ($1, $2::int, $3::int, $4::float8)',
    key,
    n,
    attempt,
    usedMs,
  );
}

export interface Use {
  readonly key: string;
  readonly n: number;
  readonly attempt: number;
  readonly used_ms: number;
  /** The same by Postgres' clock, when the statement that notes it arrived. */
  readonly at_ms: number;
}

export async function uses(database: Database): Promise<Use[]> {
  return rows(
    database,
    'select key, n, attempt, used_ms, (extract(epoch from at) * 1000)::float8 as at_ms from uses order by used_ms',
  );
}

/** The most uses above burst + perSecond × length in any window of any length; at most 0 is correct. */
export function excess(instantsMs: readonly number[], { perSecond, burst }: Limit): number {
  let worst = Number.NEGATIVE_INFINITY;
  let leastBefore = Number.POSITIVE_INFINITY;
  for (const [n, ms] of instantsMs.toSorted((a, b) => a - b).entries()) {
    const ahead = n - (perSecond * ms) / 1000;
    leastBefore = Math.min(leastBefore, ahead);
    worst = Math.max(worst, ahead - leastBefore + 1 - burst);
  }
  return worst;
}

export async function forgetLimits(database: Database): Promise<void> {
  await createUses(database);
  await rows(database, emptied('uses', 'jobqueue.buckets'));
}
