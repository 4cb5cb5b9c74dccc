/** The screens of the console, by their paths, and those of them that stand in the navigation. */

import type { Place, Screen } from '../options.ts';
import { CalendarClock, Gauge, ListChecks, MailWarning, ScrollText, Siren, Timer } from '../ui/icons.tsx';
import { Audit } from './audit/audit.tsx';
import { DeadLetters } from './dead-letters/dead-letters.tsx';
import { IncidentScreen } from './incident/incident.tsx';
import { Job } from './job/job.tsx';
import { Jobs } from './jobs/jobs.tsx';
import { Overview } from './overview/overview.tsx';
import { Schedules } from './schedules/schedules.tsx';
import { Tick } from './ticks/tick.tsx';
import { Ticks } from './ticks/ticks.tsx';

export const SCREENS: readonly Screen[] = [
  { path: '/', title: 'Overview', page: Overview },
  { path: '/jobs', title: 'Jobs', page: Jobs },
  { path: '/jobs/[id]', title: ({ id = '' }) => `Job ${id.slice(0, 20)}`, page: Job },
  { path: '/dead-letters', title: 'Dead letters', page: DeadLetters },
  { path: '/schedules', title: 'Schedules', page: Schedules },
  { path: '/ticks', title: 'Ticks', page: Ticks },
  { path: '/ticks/[id]', title: 'Tick', page: Tick },
  { path: '/incident', title: 'Incident', page: IncidentScreen },
  { path: '/audit', title: 'Audit', page: Audit },
];

export const PLACES: readonly Place[] = [
  { path: '/', title: 'Overview', icon: <Gauge size={16} /> },
  { path: '/jobs', title: 'Jobs', icon: <ListChecks size={16} /> },
  { path: '/dead-letters', title: 'Dead letters', icon: <MailWarning size={16} /> },
  { path: '/schedules', title: 'Schedules', icon: <CalendarClock size={16} /> },
  { path: '/ticks', title: 'Ticks', icon: <Timer size={16} /> },
  { path: '/incident', title: 'Incident', icon: <Siren size={16} /> },
  { path: '/audit', title: 'Audit', icon: <ScrollText size={16} /> },
];
