/** Pauses, resumes, runs and overrides a schedule; each with its line in the audit log. */
import { QueueError } from '@conversure/jobqueue';
import { z } from 'zod';
import { operatorAction } from '../../action.ts';
import { text } from '../../fields.ts';
import type { ConsoleQueue } from '../../options.ts';
import { SCHEDULE_ACTIONS } from './actions.ts';

const form = z.object({
  do: z.enum(SCHEDULE_ACTIONS),
  name: text(100).min(1),
  reason: text(200).trim().default(''),
  cron: text(200).trim().default(''),
  timeZone: text(100).trim().default(''),
});

export const changeSchedule = operatorAction({ page: '/schedules', input: form }, async (input, { queue, actor }) => {
  const { name, reason } = input;
  const by = { actor, ...(reason !== '' && { reason }) };
  switch (input.do) {
    case 'run':
      await queue.runSchedule(name, by);
      kickIfItCan(queue); // somebody waits in front of the page
      return '/schedules?done=schedule_run';
    case 'pause':
      await queue.pauseSchedule(name, by);
      return '/schedules?done=schedule_pause';
    case 'resume':
      await queue.resumeSchedule(name, by);
      return '/schedules?done=schedule_resume';
    case 'override': {
      const { cron, timeZone } = input;
      await queue.overrideSchedule(name, { ...(cron && { cron }), ...(timeZone && { timeZone }) }, by);
      return '/schedules?done=schedule_override';
    }
    case 'restore':
      await queue.overrideSchedule(name, null, by);
      return '/schedules?done=schedule_restore';
  }
});

/** A queue without the option `kick` leaves the job to the next tick. */
function kickIfItCan(queue: ConsoleQueue): void {
  try {
    queue.kick();
  } catch (error) {
    if (!(error instanceof QueueError && error.code === 'option_invalid')) throw error;
  }
}
