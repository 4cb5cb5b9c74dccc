/** Actions on schedules. */

export const SCHEDULE_ACTIONS = ['run', 'pause', 'resume', 'override', 'restore'] as const;
export type ScheduleAction = (typeof SCHEDULE_ACTIONS)[number];
