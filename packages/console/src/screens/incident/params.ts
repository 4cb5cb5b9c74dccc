/** The drain by hand and the pause that form and address ask for. */

import { LIMITS } from '@conversure/jobqueue';
import { ROUTE_LIMITS } from '@conversure/jobqueue/next';
import { z } from 'zod';
import type { Sent, Setup } from '../../options.ts';
import { one } from '../../ui/address.ts';

const blank = (value: unknown) => (value === '' || value === undefined || value === null ? undefined : value);

/** Time that the function keeps after the answer that began the drain. */
const ANSWER_MS = 5_000;

/** The longest that a drain by hand may take, in whole seconds. */
export function mostBudgetS({ maxDurationMs }: Setup): number {
  return Math.max(1, Math.floor((maxDurationMs - ANSWER_MS) / 1_000));
}

const queueName = z.preprocess(blank, z.string().regex(LIMITS.name.pattern).optional());

function fieldsOf(setup: Setup) {
  const most = mostBudgetS(setup);
  return {
    queue: queueName,
    type: z.preprocess(blank, z.enum(setup.queue.jobs.map(({ type }) => type)).optional()),
    limit: z.preprocess(blank, z.coerce.number().int().min(1).max(ROUTE_LIMITS.drainJobs).optional()),
    budget: z.preprocess(blank, z.coerce.number().int().min(1).max(most).default(Math.min(60, most))),
    paused: z.preprocess((value) => value === '1', z.boolean()),
  };
}

export const drainForm = (setup: Setup) => z.object(fieldsOf(setup));
type DrainForm = z.output<ReturnType<typeof drainForm>>;
export type DrainParams = DrainForm & { readonly look: boolean };

/** Reads an address. An invalid value counts as left out. */
export function drainParams(setup: Setup, sent: Sent): DrainParams {
  const entries = Object.entries(fieldsOf(setup)).map(([name, schema]) => {
    const parsed = schema.safeParse(sent[name]);
    return [name, parsed.success ? parsed.data : schema.parse(undefined)];
  });
  return { ...(Object.fromEntries(entries) as DrainForm), look: sent.look === '1' };
}

/** The filter as the queue reads it. */
export function filterOf({ queue: line, type, paused }: Pick<DrainForm, 'queue' | 'type' | 'paused'>) {
  return { ...(line && { queue: line }), ...(type && { types: [type] }), includePaused: paused };
}

export interface PauseTarget {
  /** '*' stands for all types; undefined: nothing has been chosen. */
  readonly type: string | undefined;
  readonly queue: string | undefined;
}

/** Reads an address; a type that the form does not offer counts as not chosen. */
export function pauseParams(sent: Sent, types: readonly string[]): PauseTarget {
  const type = one(sent.pauseType);
  const line = queueName.safeParse(one(sent.pauseQueue));
  return {
    type: type !== undefined && (type === '*' || types.includes(type)) ? type : undefined,
    queue: line.success ? line.data : undefined,
  };
}
