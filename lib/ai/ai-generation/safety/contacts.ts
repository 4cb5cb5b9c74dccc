/** Phones, e-mail addresses and links in a draft that neither the conversation nor the company has named: where would they be from? */
import { type CountryCode, findPhoneNumbersInText, isSupportedCountry } from 'libphonenumber-js/max';
import { excerptOf, type Finding } from './verdict.ts';
import { readable } from './words.ts';

export interface Known {
  /** Earlier lines of both sides, and the customer's own number. */
  readonly conversation: readonly string[];
  /** Phones in E.164 and e-mail addresses. */
  readonly allowedContacts: readonly string[];
  /** With their subdomains. */
  readonly allowedLinkHosts: readonly string[];
  /** The country that a number without a country code is dialled from. */
  readonly country: string;
}

/** Numbers are told by the numbering plans of their countries, so prices, dates and sizes are none. */
export function contacts(draft: string, { conversation, allowedContacts, country }: Known): Finding[] {
  const known = new Set(
    [...allowedContacts, ...conversation].flatMap((text) =>
      [...phonesIn(text, country), ...emailsIn(text)].map(({ value }) => value),
    ),
  );
  return [
    ...phonesIn(draft, country).map((found) => ({ ...found, what: 'a phone number' })),
    ...emailsIn(draft).map((found) => ({ ...found, what: 'an e-mail address' })),
  ]
    .filter(({ value }) => !known.has(value))
    .map(({ span, what }) => ({
      rule: 'personal_data',
      ruleVersion: 1,
      severity: 'high',
      span,
      excerpt: excerptOf(draft, span),
      explanation: `${what} that is neither in the conversation nor allowed`,
    }));
}

interface Found {
  readonly value: string;
  readonly span: readonly [number, number];
}

function phonesIn(text: string, country: string): Found[] {
  const options = isSupportedCountry(country)
    ? { defaultCountry: country as CountryCode, extended: true }
    : { extended: true };
  return findPhoneNumbersInText(readable(text), options).map(({ number, startsAt, endsAt }) => ({
    value: number.number,
    span: [startsAt, endsAt] as const,
  }));
}

const EMAIL = /[\p{L}\p{N}._%+-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,5}/gu;

function emailsIn(text: string): Found[] {
  return Array.from(readable(text).matchAll(EMAIL), (match) => ({
    value: match[0],
    span: [match.index, match.index + match[0].length] as const,
  }));
}

/** With a scheme, or as people write it: «example.com/x». The endings keep «p.m.» and «e.g.» out. */
const LINK =
  /(?<![\p{L}\p{N}@._-])(?:[a-z][a-z0-9+.-]*:\/\/)?((?:[\p{L}\p{N}-]+\.)+(?:com|net|org|io|co|me|info|biz|app|dev|link|site|online|shop|xyz|ly|gl|gg|tk|ru|cn|in|uk|de|fr|sa|ae|qa|kw|om|bh|eg))(?![\p{L}\p{N}-])(?:[:/?#]\S*)?/giu;
/** Any other host behind a scheme, so that no ending is a way around. */
const SCHEMED = /[a-z][a-z0-9+.-]*:\/\/([^\s/?#]+)\S*/giu;

export function links(draft: string, { conversation, allowedLinkHosts }: Known): Finding[] {
  const said = new Set(conversation.flatMap((text) => linksIn(text).map(({ value }) => value)));
  const isAllowed = (host: string) =>
    said.has(host) ||
    allowedLinkHosts
      .map((allowed) => allowed.toLowerCase())
      .some((allowed) => host === allowed || host.endsWith(`.${allowed}`));
  return linksIn(draft)
    .filter(({ value }) => !isAllowed(value))
    .map(({ span }) => ({
      rule: 'link',
      ruleVersion: 1,
      severity: 'high',
      span,
      excerpt: excerptOf(draft, span),
      explanation: 'a link to a host that is not allowed',
    }));
}

function linksIn(text: string): Found[] {
  const found = new Map<number, Found>();
  for (const pattern of [LINK, SCHEMED])
    for (const match of readable(text).matchAll(pattern)) {
      // user:password@host:port
      const host = (match[1] ?? '').replace(/^.*@/, '').replace(/:\d*$/, '').replace(/\.$/, '');
      found.set(match.index, { value: host, span: [match.index, match.index + match[0].length] });
    }
  return [...found.values()];
}
