/** News of Meta about an account and its numbers: in words, how grave it is, and whether anything may still be sent. Pure. */
import { z } from 'zod';

export interface AccountEvent {
  /** Meta's word. */
  readonly event: string;
  readonly severity: 'info' | 'warning' | 'critical';
  readonly message: string;
  /** Nothing can be sent from now on. */
  readonly stops: boolean;
}

const word = z.string().max(200).optional().catch(undefined);

const Restriction = z.object({ restriction_type: word, expiration: z.union([z.string(), z.number()]).optional() });
const Value = z.object({
  event: word,
  decision: word,
  display_phone_number: word,
  current_limit: word,
  max_daily_conversations_per_business: z.union([z.string(), z.number()]).optional().catch(undefined),
  max_daily_conversation_per_phone: z.union([z.string(), z.number()]).optional().catch(undefined),
  requested_verified_name: word,
  rejection_reason: word,
  ban_info: z
    .object({ waba_ban_state: z.union([z.string(), z.array(z.string())]).optional(), waba_ban_date: word })
    .optional()
    .catch(undefined),
  violation_info: z.object({ violation_type: word }).optional().catch(undefined),
  restriction_info: z.array(Restriction).max(100).optional().catch(undefined),
  alert_severity: word,
  alert_type: word,
  alert_description: z.string().max(2_000).optional().catch(undefined),
  alert_info: z
    .object({
      alert_severity: word,
      alert_type: word,
      alert_description: z.string().max(2_000).optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
});
type Value = z.output<typeof Value>;

/** `null` for a field that does not tell of an account, and for a value that says nothing. */
export function accountEvent(field: string, value: Record<string, unknown>): AccountEvent | null {
  const read = READ[field];
  const parsed = Value.safeParse(value);
  return read && parsed.success ? read(parsed.data) : null;
}

const told = (
  event: string,
  severity: AccountEvent['severity'],
  parts: readonly (string | undefined)[],
  stops = false,
): AccountEvent => ({ event, severity, message: parts.filter((part) => part).join(' '), stops });

const plain = (code: string) => code.toLowerCase().replaceAll('_', ' ');

const READ: Readonly<Record<string, (value: Value) => AccountEvent | null>> = {
  account_update: accountUpdate,
  account_review_update: ({ decision }) =>
    decision === undefined
      ? null
      : told(decision, decision === 'REJECTED' ? 'critical' : 'info', [
          'the review of the account ended:',
          plain(decision),
        ]),
  account_alerts: ({ alert_info: info, ...flat }) => {
    const { alert_severity: severity, alert_type: type, alert_description: description } = { ...flat, ...info };
    if (type === undefined) return null;
    const grave = { CRITICAL: 'critical', WARNING: 'warning' } as const;
    return told(type, grave[severity as keyof typeof grave] ?? 'info', [`${plain(type)}:`, description]);
  },
  phone_number_quality_update: ({ event, display_phone_number: number, current_limit: limit, ...rest }) => {
    if (event === undefined) return null;
    const people = rest.max_daily_conversations_per_business ?? limit;
    const isWorse = event === 'FLAGGED' || event === 'DOWNGRADE';
    return told(event, isWorse ? 'warning' : 'info', [
      `number ${number ?? 'unknown'}: ${plain(event)}`,
      people === undefined ? undefined : `(limit of people in 24 hours: ${people})`,
    ]);
  },
  phone_number_name_update: ({ decision, display_phone_number: number, requested_verified_name: name, ...rest }) =>
    decision === undefined
      ? null
      : told(decision, decision === 'REJECTED' ? 'warning' : 'info', [
          `number ${number ?? 'unknown'}: the name ${name ?? ''} is ${plain(decision)}`,
          rest.rejection_reason && rest.rejection_reason !== 'NONE' ? `(${plain(rest.rejection_reason)})` : undefined,
        ]),
  business_capability_update: (value) => {
    const people = value.max_daily_conversations_per_business ?? value.max_daily_conversation_per_phone;
    return people === undefined ? null : told('CAPABILITY', 'info', [`limit of people in 24 hours: ${people}`]);
  },
  security: ({ event, display_phone_number: number }) =>
    event === undefined ? null : told(event, 'warning', [`number ${number ?? 'unknown'}: ${plain(event)}`]),
};

function accountUpdate({ event, ban_info: ban, violation_info: violation, restriction_info: restrictions }: Value) {
  switch (event) {
    case undefined:
      return null;
    case 'DISABLED_UPDATE': {
      const [state = 'unknown'] = [ban?.waba_ban_state ?? []].flat();
      const at = ban?.waba_ban_date;
      if (state === 'REINSTATE')
        return told(event, 'info', ['the account is reinstated; resume the connection if it is paused']);
      if (state === 'SCHEDULE_FOR_DISABLE') return told(event, 'critical', ['the account is going to be disabled', at]);
      return told(event, 'critical', ['the account is disabled', at], state === 'DISABLE');
    }
    case 'ACCOUNT_DELETED':
      return told(event, 'critical', ['the account is deleted'], true);
    case 'ACCOUNT_VIOLATION':
      return told(event, 'critical', ['the account violated a policy:', plain(violation?.violation_type ?? 'unknown')]);
    case 'ACCOUNT_RESTRICTION': {
      const all = (restrictions ?? []).map(({ restriction_type: type = 'unknown', expiration }) =>
        expiration === undefined ? plain(type) : `${plain(type)} until ${instantOf(expiration)}`,
      );
      return told(event, 'critical', ['the account is restricted:', all.join(', ') || 'unknown']);
    }
    case 'PARTNER_REMOVED':
    case 'PARTNER_APP_UNINSTALLED':
      return told(event, 'warning', [`${plain(event)}: the app may lose its access to the account`]);
    default:
      return told(event, 'info', [plain(event)]);
  }
}

/** Unix seconds, or Meta's own words. */
function instantOf(at: string | number): string {
  const seconds = Number(at);
  return Number.isFinite(seconds) && seconds > 0 && seconds < 1e11
    ? new Date(seconds * 1_000).toISOString()
    : String(at);
}
