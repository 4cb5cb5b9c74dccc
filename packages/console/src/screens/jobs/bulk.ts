/** Bulk actions of the jobs page. Each works in slices until the request's time is used up, then reports the number of jobs left. */
import type { BulkReport } from '@conversure/jobqueue';
import { z } from 'zod';
import { type Call, operatorAction, Refusal } from '../../action.ts';
import { text } from '../../fields.ts';
import { localPath } from '../../local-path.ts';
import { address } from '../../ui/address.ts';
import { instantIn, viewerZone } from '../../ui/zoned.ts';
import { addressOf, deadFilter, type JobParams, liveFilter, paramsOf } from './query.ts';

/** Nobody watches a form for longer; a slice is 500 jobs, so this is some hundred thousand. */
const REQUEST_MS = 20_000;

const form = z
  .object({
    do: z.enum(['cancel', 'reschedule', 'set_priority', 'replay']),
    reason: text(200).trim().default(''),
    to: z.string().optional(),
    in: z.enum(['now', 'later']).default('now'),
    due: z.enum(['planned', 'now']).default('planned'),
    priority: z.coerce.number().int().min(0).max(10).default(0),
    back: z.string().max(4_000).optional(),
  })
  .loose(); // the filter, as the address of the page has it

export const changeJobs = operatorAction({ page, input: form }, async (input, call) => {
  const zone = await viewerZone();
  const params = paramsOf(input as Record<string, string>);
  const report = await change(input, params, zone, call);
  return withDone(localPath(input.back ?? address('/jobs', addressOf(params))), {
    done: input.do,
    changed: String(report.changed),
    skipped: String(report.skipped),
    ...(!report.done && { left: '1' }),
  });
});

async function change(
  input: z.output<typeof form>,
  params: JobParams,
  zone: string,
  { queue, actor }: Call,
): Promise<BulkReport> {
  const bounded = { actor, signal: AbortSignal.timeout(REQUEST_MS) };
  if (input.do === 'replay') {
    const statuses = params.status === 'CANCELLED' ? (['CANCELLED'] as const) : (['DEAD_LETTER', 'CANCELLED'] as const);
    return queue.replay(chosen(deadFilter(params, zone)), { ...bounded, statuses, due: input.due });
  }
  const filter = chosen(liveFilter(params, zone));
  switch (input.do) {
    case 'cancel':
      return queue.cancel(filter, { ...bounded, reason: input.reason });
    case 'reschedule': {
      const to = input.in === 'now' ? { delayMs: 0 } : instantIn(input.to, zone);
      if (to === undefined) throw new Refusal('request_invalid');
      return queue.reschedule(filter, { ...bounded, to });
    }
    case 'set_priority':
      return queue.setPriority(filter, { ...bounded, priority: input.priority });
  }
}

/** A filter that names nothing would mean every job. */
function chosen<Filter>(filter: Filter | null): Filter {
  if (filter !== null) return filter;
  throw new Refusal('nothing_chosen');
}

function page(sent: FormData): string {
  const back = sent.get('back');
  return localPath(typeof back === 'string' ? back : '/jobs');
}

function withDone(path: string, done: Record<string, string>): string {
  return `${path}${path.includes('?') ? '&' : '?'}${new URLSearchParams(done)}`;
}
