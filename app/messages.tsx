/** Words for what the actions of this app did, or why they were refused: an address carries only their codes. */
import { Done as ConsoleDone, Refused as ConsoleRefused, type Messages, plural } from '@conversure/jobqueue-console/ui';
import type { ComponentProps } from 'react';

export const messages = {
  done: {
    connection: ({ changed }) =>
      changed === 0
        ? 'The connection is resumed; none of its jobs waits.'
        : `The connection is resumed. ${plural(changed, 'job')} of it waits for its due time; those that the pause put off come within six minutes, spread over them.`,
    opt_out: () => 'Written down: nobody writes to them from the next message on.',
    opt_out_known: () => 'Nothing was written: this person had refused it already.',
    opt_out_lifted: () => 'Lifted: they may be written to again.',
    connection_works: () => 'It works: the remote system took the credentials.',
    company_made: () => 'The company is made. Give it its number, its portal and its model below.',
    settings: () => 'Saved. Jobs read it from their next step on.',
    settings_same: () => 'Nothing was saved: the settings were like this already.',
    campaign_made: () => 'The campaign is made: its people are planned, then written to.',
    campaign_draft: () => 'The campaign is made as a draft: nobody is written to until you start it.',
    campaign_pause: () => 'Paused: nobody more is written to; what is under way ends.',
    campaign_resume: () => 'The campaign goes on.',
    campaign_cancel: () => 'Cancelled: whoever still waited is skipped.',
    campaign_retry: ({ changed }) => `${plural(changed, 'unconfirmed message')} sent again.`,
    templates_sync: () => 'Meta is being asked; what it lists stands below within seconds.',
    draft_approved: () => 'Approved: it is sent now.',
    draft_edited: () => 'Your text is sent now.',
    draft_rejected: () => 'Rejected: nothing is sent.',
  },
  refused: {
    encoding_missing: 'Choose the encoding in which the preview reads right.',
    company_unknown: 'There is no such company: look at its spelling, or make it under Companies first.',
    quotes_missing: 'Say whether the lines of the cell are rows.',
    not_waiting: 'This import was answered already.',
    not_undoable: 'Only an import that has ended and wrote something can be taken back.',
    import_ended: 'This import has ended.',
    campaign_status: 'The campaign has gone on since, and takes no such action any more.',
    already_decided: 'Somebody has decided this draft already: what they did is below. Nothing was sent a second time.',
    draft_blocked:
      'It cannot be sent as it is: the checks block it, or nobody has written it yet. Edit it, or reject it.',
    draft_outdated: 'The customer has written since you looked: read the new message below, then decide again.',
    draft_unsafe: 'Your text was not sent: the checks found what is listed below. It is kept in the field.',
    preview_gone: 'This preview does not hold any more. Look at the campaign again, then make it.',
    file_too_large: 'The file is larger than 4 MB; send it in parts over the API.',
  },
} satisfies Messages;

export function Done(props: Omit<ComponentProps<typeof ConsoleDone>, 'messages'>) {
  return <ConsoleDone {...props} messages={messages} />;
}

export function Refused(props: Omit<ComponentProps<typeof ConsoleRefused>, 'messages'>) {
  return <ConsoleRefused {...props} messages={messages} />;
}
