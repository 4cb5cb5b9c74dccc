/** The reason why the last form was refused, in fixed words. The address carries only a code, because anyone can write an address. */
import type { Messages } from './messages.ts';

const REASONS: Readonly<Record<string, string>> = {
  request_invalid: 'Some fields are missing or invalid.',
  payload_invalid: 'The job refused its payload.',
  read_only: 'You are signed in as a viewer, who cannot act. Sign in with OPERATOR_SECRET to do this.',
  unauthorized: 'Your session has ended. Sign in again.',
  option_invalid: 'One of the values is invalid.',
  unknown_type: 'This type is unknown: check its spelling.',
  lock_timeout:
    'The same request was sent a moment ago and is still being stored. Check in a few seconds if it is done.',
  outcome_unknown: 'The database did not answer. Check if it was done before you repeat it.',
  unknown_schedule: 'This schedule does not exist, or no drain of this deployment has begun yet.',
  secret_wrong: 'This is neither the operator’s nor the viewer’s secret.',
  not_configured:
    'This deployment has no OPERATOR_SECRET, so nobody can sign in. Set it, 16 characters or more, and deploy again.',
  not_replayed: 'It was not replayed: it is no longer a dead letter, or another job now holds its idempotency key.',
  nothing_chosen: 'Choose at least one job, or a filter, first.',
  database_refused:
    'The database refused this; it may be temporarily read-only. The overview and the log have the reason, the audit log what was done.',
};

interface RefusedProps {
  /** `refused` of the page's query. */
  readonly code: string | string[] | undefined;
  /** `at` of the page's query. */
  readonly at?: string | string[] | undefined;
  readonly messages?: Messages | undefined;
}

/** Explains why the last form was refused, by the code in `?refused=…`. Renders nothing without a code. */
export function Refused({ code, at, messages: { refused: own = {} } = {} }: RefusedProps) {
  if (typeof code !== 'string') return null;
  const reasons = { ...REASONS, ...own };
  const known = Object.hasOwn(reasons, code) ? reasons[code] : undefined;
  return (
    <p className="refused" role="alert">
      {known ?? `This was refused (${code.replace(/[^a-z_]/g, '').slice(0, 40)}).`}
      {typeof at === 'string' && /^[\w.[\],-]{1,500}$/.test(at) && ` Look at ${at.replaceAll(',', ', ')}.`}
    </p>
  );
}
