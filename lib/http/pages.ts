/** Who may see the pages and call their actions. Asked twice, in proxy.ts and where the data is read: neither trusts the other. */
import { isProduction } from '../config.ts';
import { opens } from './auth.ts';
import { HttpError } from './errors.ts';

/** Lets the operator in: HTTP Basic with OPERATOR_SECRET as the password, any user name. Open while nobody else can reach the process. */
export function admitOperator(headers: Headers): void {
  if (!isProduction()) return;
  const [, credentials] = /^Basic +(\S+)$/i.exec(headers.get('authorization') ?? '') ?? [];
  const [, password] = /^[^:]*:(.*)$/s.exec(Buffer.from(credentials ?? '', 'base64').toString()) ?? [];
  if (!opens(password ?? '', 'OPERATOR_SECRET'))
    throw new HttpError(401, 'unauthorized', 'The operator has to sign in.');
}

/**
 * Refuses a form that another site sent: browsers repeat Basic credentials on every request, whoever caused it. Next.js itself
 * lets a request without an Origin pass; a browser that posts a form always sends one, so here it is refused.
 */
export function admitOrigin(headers: Headers): void {
  const origin = headers.get('origin') ?? '';
  const host = headers.get('x-forwarded-host') ?? headers.get('host');
  if (URL.canParse(origin) && new URL(origin).host === host) return;
  throw new HttpError(403, 'origin_refused', 'Expected the form to be sent from a page of this app.');
}
