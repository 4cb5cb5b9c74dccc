/** What can be done with a schedule. */

export const SCHEDULE_ACTIONS = ['run', 'pause', 'resume', 'override', 'restore'] as const;
export type ScheduleAction = (typeof SCHEDULE_ACTIONS)[number];
