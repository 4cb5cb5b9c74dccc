/** Brings a group of dead letters back, at once or as a ramp, and ends a ramp. */
'use server';

import { z } from 'zod';
import { name, rowId } from '@/lib/fields';
import { queue } from '@/lib/queue';
import { action } from '../action';
import { localPath } from '../login/next';

/** Nobody watches a form for longer; what is left then the same call does. */
const REQUEST_MS = 20_000;

const optionalWhole = z
  .string()
  .optional()
  .transform((text) => (text === undefined || text.trim() === '' ? undefined : Number(text)));

const form = z.object({
  type: name,
  fingerprint: z.string().regex(/^[\da-f]{32}$/),
  how: z.enum(['ramp', 'now']),
  perMinute: z.coerce.number(),
  percent: z.coerce.number().min(1).max(100),
  of: z.coerce.number(),
  maxJobs: optionalWhole,
  back: z.string().max(1_000),
});

const page = (sent: FormData) => localPath(String(sent.get('back')));

export const replayGroup = action({ page, input: form }, async (input, by) => {
  const filter = { type: input.type, fingerprint: input.fingerprint };
  const most = input.maxJobs === undefined ? {} : { maxJobs: input.maxJobs };
  const answer = (done: Record<string, string>) => {
    const back = localPath(input.back);
    return `${back}${back.includes('?') ? '&' : '?'}${new URLSearchParams(done)}`;
  };
  if (input.how === 'ramp') {
    const stopWhen = { failureRatio: input.percent / 100, of: input.of };
    await queue.replay(filter, { ...by, ...most, perMinute: input.perMinute, stopWhen });
    return answer({ done: 'ramp' });
  }
  const report = await queue.replay(filter, { ...by, ...most, signal: AbortSignal.timeout(REQUEST_MS) });
  const { changed, skipped, done } = report;
  return answer({ done: 'replay', changed: String(changed), skipped: String(skipped), ...(!done && { left: '1' }) });
});

export const stopRamp = action({ page: '/dead-letters', input: z.object({ id: rowId }) }, async ({ id }, by) => {
  await queue.stopReplay(id, by);
  return '/dead-letters?done=stop_ramp';
});
