/** The filter of the opt-outs page, as its address says it: for the page, its file, and back into an address. */

import { isStorableText } from '@conversure/jobqueue';
import { instantIn, one } from '@conversure/jobqueue-console/ui';
import { companyId } from '@/lib/fields';
import { cursor, type OptOutFilter, SCOPES, SOURCES, STATES } from '@/lib/opt-outs/request';

type Sent = Readonly<Record<string, string | string[] | undefined>>;

/** As written in the address; what makes no sense is left out, so that a page always shows something. */
export function paramsOf(sent: Sent) {
  const search = one(sent.search)?.slice(0, 100);
  return {
    company: companyId.safeParse(one(sent.company)).data,
    search: search !== undefined && isStorableText(search) ? search : undefined,
    source: SOURCES.find((source) => source === one(sent.source)),
    scope: SCOPES.find((scope) => scope === one(sent.scope)),
    state: STATES.find((state) => state === one(sent.state)),
    from: one(sent.from),
    until: one(sent.until),
  };
}
export type OptOutParams = ReturnType<typeof paramsOf>;

export function filterOf(
  { company, search, source, scope, state, ...times }: OptOutParams,
  zone: string,
): OptOutFilter {
  return {
    companyId: company,
    search,
    source,
    scope,
    state: state ?? 'in_force',
    from: instantIn(times.from, zone),
    until: instantIn(times.until, zone),
  };
}

export const cursorOf = (sent: Sent): string | undefined => cursor.safeParse(one(sent.after)).data;

/** The words that people read for each source. */
export const SOURCE_WORDS: Readonly<Record<string, string>> = {
  keyword: 'wrote a word like STOP',
  button: 'tapped the opt-out button',
  user_preferences: 'set it in WhatsApp',
  delivery_error: 'WhatsApp refused (131050)',
  import: 'imported',
  admin: 'an operator',
};
export const SCOPE_WORDS: Readonly<Record<string, string>> = { marketing: 'marketing', all: 'all messages' };
