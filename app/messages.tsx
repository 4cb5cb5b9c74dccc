/** Words for what the actions of this app did, or why they were refused: an address carries only their codes. */
import { Done as ConsoleDone, Refused as ConsoleRefused, type Messages, plural } from '@conversure/jobqueue-console/ui';
import type { ComponentProps } from 'react';

export const messages = {
  done: {
    connection: ({ changed }) =>
      changed === 0
        ? 'The connection is resumed; no job of it waits.'
        : `The connection is resumed. ${plural(changed, 'job')} of it waits for its due time; jobs that the pause postponed start within six minutes.`,
    opt_out: () => 'Recorded: from the next message on nothing is sent to this person.',
    opt_out_known: () => 'Nothing was recorded: this person had already opted out.',
    opt_out_lifted: () => 'Lifted: this person may get messages again.',
    connection_works: () => 'It works: the remote system accepted the credentials.',
    company_made: () => 'The company is created. Enter its number, portal and model below.',
    settings: () => 'Saved. Jobs use it from their next run on.',
    settings_same: () => 'Nothing was saved, because no setting has changed.',
    campaign_made: () => 'The campaign is created. Planning starts now, then sending.',
    campaign_draft: () => 'The campaign is created as a draft. Nothing is sent until you start it.',
    campaign_pause: () => 'Paused: no more messages are sent. Those that are being sent are finished.',
    campaign_resume: () => 'The campaign goes on.',
    campaign_cancel: () => 'Cancelled: people who still waited are skipped.',
    campaign_retry: ({ changed }) => `${plural(changed, 'unconfirmed message')} sent again.`,
    templates_sync: () => 'The templates are being read from Meta and appear below within seconds.',
    draft_approved: () => 'Approved: it is sent now.',
    draft_edited: () => 'Your text is sent now.',
    draft_rejected: () => 'Rejected: nothing is sent.',
  },
  refused: {
    encoding_missing: 'Choose the encoding in which the preview reads right.',
    company_unknown: 'This company does not exist: check its spelling, or create it under Companies first.',
    quotes_missing: 'Choose if the lines of the cell are rows.',
    not_waiting: 'This import has already been answered.',
    not_undoable: 'Only an import that has ended and created leads can be undone.',
    import_ended: 'This import has ended.',
    campaign_status: 'The campaign’s status has changed, so this action is no longer possible.',
    already_decided: 'Somebody has already decided this draft, as shown below. Nothing was sent a second time.',
    draft_blocked:
      'It cannot be sent as it is: the checks block it, or nobody has written it yet. Edit it, or reject it.',
    draft_outdated: 'The customer has written since you looked: read the new message below, then decide again.',
    draft_unsafe: 'Your text was not sent: the checks found what is listed below. It is kept in the field.',
    preview_gone: 'This preview is no longer valid. Preview the campaign again, then start it.',
    file_too_large: 'The file is larger than 4 MB; send it in parts over the API.',
  },
} satisfies Messages;

export function Done(props: Omit<ComponentProps<typeof ConsoleDone>, 'messages'>) {
  return <ConsoleDone {...props} messages={messages} />;
}

export function Refused(props: Omit<ComponentProps<typeof ConsoleRefused>, 'messages'>) {
  return <ConsoleRefused {...props} messages={messages} />;
}
