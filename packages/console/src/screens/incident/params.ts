/** The drain by hand and the pause that form and address ask for. */

import { LIMITS } from '@conversure/jobqueue';
import { ROUTE_LIMITS } from '@conversure/jobqueue/next';
import { z } from 'zod';
import { maxDurationMs } from '@/lib/config';
import { queue } from '@/lib/queue';
import { one } from '../ui/address';

const blank = (value: unknown) => (value === '' || value === undefined || value === null ? undefined : value);

/** What a function has left after the answer that began the drain. */
const ANSWER_MS = 5_000;
export const MOST_BUDGET_S = Math.floor((maxDurationMs() - ANSWER_MS) / 1_000);

const shape = {
  queue: z.preprocess(blank, z.string().regex(LIMITS.name.pattern).optional()),
  type: z.preprocess(blank, z.enum(queue.jobs.map(({ type }) => type)).optional()),
  limit: z.preprocess(blank, z.coerce.number().int().min(1).max(ROUTE_LIMITS.drainJobs).optional()),
  budget: z.preprocess(blank, z.coerce.number().int().min(1).max(MOST_BUDGET_S).default(Math.min(60, MOST_BUDGET_S))),
  paused: z.preprocess((value) => value === '1', z.boolean()),
};

export const drainForm = z.object(shape);
export type DrainParams = z.output<typeof drainForm> & { readonly look: boolean };

/** Of an address, where what makes no sense counts as left out. */
export function drainParams(sent: Readonly<Record<string, string | string[] | undefined>>): DrainParams {
  const entries = Object.entries(shape).map(([name, schema]) => {
    const parsed = schema.safeParse(sent[name]);
    return [name, parsed.success ? parsed.data : schema.parse(undefined)];
  });
  return { ...(Object.fromEntries(entries) as z.output<typeof drainForm>), look: sent.look === '1' };
}

/** The filter as the queue reads it. */
export function filterOf({ queue: line, type, paused }: Pick<z.output<typeof drainForm>, 'queue' | 'type' | 'paused'>) {
  return { ...(line && { queue: line }), ...(type && { types: [type] }), includePaused: paused };
}

export interface PauseTarget {
  /** '*' stands for all types; undefined: nothing has been chosen. */
  readonly type: string | undefined;
  readonly queue: string | undefined;
}

/** Reads an address; a type that the form does not offer counts as not chosen. */
export function pauseParams(
  sent: Readonly<Record<string, string | string[] | undefined>>,
  types: readonly string[],
): PauseTarget {
  const type = one(sent.pauseType);
  const line = shape.queue.safeParse(one(sent.pauseQueue));
  return {
    type: type !== undefined && (type === '*' || types.includes(type)) ? type : undefined,
    queue: line.success ? line.data : undefined,
  };
}
