/** Why the last form was refused, in fixed words: the address carries only a code, for anyone can write an address. */

const REASONS: Readonly<Record<string, string>> = {
  request_invalid: 'Some fields are missing or not what was expected.',
  payload_invalid: 'The job refused its payload.',
  encoding_missing: 'Choose the encoding in which the preview reads right.',
  company_unknown: 'There is no such company: look at its spelling, or make it under Companies first.',
  quotes_missing: 'Say whether the lines of the cell are rows.',
  not_waiting: 'This import was answered already.',
  not_undoable: 'Only an import that has ended and wrote something can be taken back.',
  import_ended: 'This import has ended.',
  read_only: 'You are signed in as a viewer: that may look, not act. Sign in with OPERATOR_SECRET to do it.',
  unauthorized: 'Your session is over. Sign in again.',
  option_invalid: 'One of the values is not what was expected.',
  unknown_type: 'Nothing here knows this type: look at its spelling.',
  lock_timeout: 'The same was asked a moment ago and is still being stored. Look in a few seconds whether it is there.',
  outcome_unknown: 'The database did not answer. Look whether it was done before you send it again.',
  unknown_schedule: 'There is no such schedule, or no drain of this deployment has begun yet.',
  secret_wrong: 'This is neither the operator’s nor the viewer’s secret.',
  not_configured:
    'This deployment has no OPERATOR_SECRET, so nobody can sign in. Set it, 16 characters or more, and deploy again.',
  not_replayed: 'It was not replayed: it is no dead letter any more, or another job holds its idempotency key now.',
  nothing_chosen: 'Choose at least one job, or a filter, first.',
  campaign_status: 'The campaign has gone on since, and takes no such action any more.',
  already_decided: 'Somebody has decided this draft already: what they did is below. Nothing was sent a second time.',
  draft_blocked:
    'It cannot be sent as it is: the checks block it, or nobody has written it yet. Edit it, or reject it.',
  draft_outdated: 'The customer has written since you looked: read the new message below, then decide again.',
  draft_unsafe: 'Your text was not sent: the checks found what is listed below. It is kept in the field.',
  database_refused:
    'The database refused this; it may be read-only for the moment. The overview and the log say why, the audit log what was done.',
  preview_gone: 'This preview does not hold any more. Look at the campaign again, then make it.',
  file_too_large: 'The file is larger than 4 MB; send it in parts over the API.',
};

export function Refused({ code, at }: { code: string | string[] | undefined; at?: string | string[] | undefined }) {
  if (typeof code !== 'string') return null;
  const known = Object.hasOwn(REASONS, code) ? REASONS[code] : undefined;
  return (
    <p className="refused" role="alert">
      {known ?? `This was refused (${code.replace(/[^a-z_]/g, '').slice(0, 40)}).`}
      {typeof at === 'string' && /^[\w.[\],-]{1,500}$/.test(at) && ` Look at ${at.replaceAll(',', ', ')}.`}
    </p>
  );
}
