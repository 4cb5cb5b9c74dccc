/** The actions that a form of the console can name. Anything else that is sent is refused. */
import type { Action } from './action.ts';
import { replayGroup, stopReplay } from './screens/dead-letters/replay.ts';
import { drainNow } from './screens/incident/drain.ts';
import { acknowledge, mute, unmute } from './screens/incident/incident-actions.ts';
import { pauseTarget, resumeTarget, unblockLimit } from './screens/incident/pause.ts';
import { amendJob } from './screens/job/amend.ts';
import { freeKey } from './screens/job/free-key.ts';
import { changeJobs } from './screens/jobs/bulk.ts';
import { signIn, signOut } from './screens/login/sign-in.ts';
import { changeSchedule } from './screens/schedules/change.ts';
import type { ActionName } from './ui/action-name.ts';
import { setTheme } from './ui/set-theme.ts';

/** Actions by the name in the form's hidden field. */
export const ACTIONS: Readonly<Record<ActionName, Action>> = {
  'sign-in': signIn,
  'sign-out': signOut,
  'set-theme': setTheme,
  'change-jobs': changeJobs,
  'amend-job': amendJob,
  'free-key': freeKey,
  'replay-group': replayGroup,
  'stop-replay': stopReplay,
  'change-schedule': changeSchedule,
  'drain-now': drainNow,
  acknowledge,
  mute,
  unmute,
  pause: pauseTarget,
  resume: resumeTarget,
  unblock: unblockLimit,
};
