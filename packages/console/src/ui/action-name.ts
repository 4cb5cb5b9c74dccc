/** Names the action of a form. All forms of a console are sent to one server action, which the app owns. */

/** The hidden field that holds the action's name. */
export const ACTION_FIELD = '_do';

export type ActionName =
  | 'sign-in'
  | 'sign-out'
  | 'set-theme'
  | 'change-jobs'
  | 'amend-job'
  | 'free-key'
  | 'replay-group'
  | 'stop-replay'
  | 'change-schedule'
  | 'drain-now'
  | 'acknowledge'
  | 'mute'
  | 'unmute'
  | 'pause'
  | 'resume'
  | 'unblock';
