/** Brings a group of dead letters back, at once or throttled, and ends a throttled replay. */
import { z } from 'zod';
import { operatorAction } from '../../action.ts';
import { name, rowId } from '../../fields.ts';
import { localPath } from '../../local-path.ts';

/** Nobody watches a form for longer; what is left then the same call does. */
const REQUEST_MS = 20_000;

const optionalWhole = z
  .string()
  .optional()
  .transform((text) => (text === undefined || text.trim() === '' ? undefined : Number(text)));

const form = z.object({
  type: name,
  fingerprint: z.string().regex(/^[\da-f]{32}$/),
  how: z.enum(['throttled', 'now']),
  perMinute: z.coerce.number(),
  percent: z.coerce.number().min(1).max(100),
  of: z.coerce.number(),
  maxJobs: optionalWhole,
  back: z.string().max(1_000),
});

const page = (sent: FormData) => localPath(String(sent.get('back')));

export const replayGroup = operatorAction({ page, input: form }, async (input, { queue, actor }) => {
  const filter = { type: input.type, fingerprint: input.fingerprint };
  const most = input.maxJobs === undefined ? {} : { maxJobs: input.maxJobs };
  const answer = (done: Record<string, string>) => {
    const back = localPath(input.back);
    return `${back}${back.includes('?') ? '&' : '?'}${new URLSearchParams(done)}`;
  };
  if (input.how === 'throttled') {
    const stopWhen = { failureRatio: input.percent / 100, minOutcomes: input.of };
    await queue.replay(filter, { actor, ...most, perMinute: input.perMinute, stopWhen });
    return answer({ done: 'throttled_replay' });
  }
  const report = await queue.replay(filter, { actor, ...most, signal: AbortSignal.timeout(REQUEST_MS) });
  const { changed, skipped, done } = report;
  return answer({ done: 'replay', changed: String(changed), skipped: String(skipped), ...(!done && { left: '1' }) });
});

export const stopReplay = operatorAction(
  { page: '/dead-letters', input: z.object({ id: rowId }) },
  async ({ id }, { queue, actor }) => {
    await queue.stopReplay(id, { actor });
    return '/dead-letters?done=stop_replay';
  },
);
