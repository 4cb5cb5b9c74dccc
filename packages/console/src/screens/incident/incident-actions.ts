/** Acknowledges incidents, mutes checks for a while, ends mutes. */
'use server';

import { z } from 'zod';
import { name, rowId, text } from '@/lib/fields';
import { queue } from '@/lib/queue';
import { action } from '../action';

const page = '/incident';
const target = { check: name, subject: text(100).default('*') };
const HOURS_MS = 3_600_000;

export const acknowledge = action(
  { page, input: z.object({ id: rowId }) },
  async ({ id }, { actor }) =>
    `${page}?done=${(await queue.acknowledgeIncident(id, { actor })) ? 'acknowledge' : 'not_open'}`,
);

export const mute = action(
  {
    page,
    input: z.object({
      ...target,
      hours: z.coerce
        .number()
        .int()
        .min(1)
        .max(30 * 24),
      reason: text(200).trim().min(1),
    }),
  },
  async ({ check, subject, hours, reason }, { actor }) => {
    await queue.muteCheck({ check, subject }, { forMs: hours * HOURS_MS, reason, actor });
    return `${page}?done=mute`;
  },
);

export const unmute = action({ page, input: z.object(target) }, async (sent, { actor }) => {
  await queue.unmuteCheck(sent, { actor });
  return `${page}?done=unmute`;
});
