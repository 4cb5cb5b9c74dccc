/** Acknowledges incidents, mutes checks for a while, ends mutes. */
import { z } from 'zod';
import { operatorAction } from '../../action.ts';
import { name, rowId, text } from '../../fields.ts';

const page = '/incident';
const target = { check: name, subject: text(100).default('*') };
const HOURS_MS = 3_600_000;

export const acknowledge = operatorAction(
  { page, input: z.object({ id: rowId }) },
  async ({ id }, { queue, actor }) =>
    `${page}?done=${(await queue.acknowledgeIncident(id, { actor })) ? 'acknowledge' : 'not_open'}`,
);

export const mute = operatorAction(
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
  async ({ check, subject, hours, reason }, { queue, actor }) => {
    await queue.muteCheck({ check, subject }, { forMs: hours * HOURS_MS, reason, actor });
    return `${page}?done=mute`;
  },
);

export const unmute = operatorAction({ page, input: z.object(target) }, async (sent, { queue, actor }) => {
  await queue.unmuteCheck(sent, { actor });
  return `${page}?done=unmute`;
});
