/**
 * Three-way merge of a lead and a portal's item. `carried` is the last state that we wrote to the portal. `seen` is the last
 * state that we read there, stored apart because a portal may store a text differently from how it was sent. If ours differs from
 * `carried`, our change goes out. If theirs differs from `seen`, their change comes in, and is never overwritten, with or without
 * an event. Pure.
 */
import { type Content, hasEmail, hasPhone, TEXTS, type TextField, type Theirs, UNITS } from './mapping.ts';

/** Each field of ours as it was when it last was at rest: written there, or taken from there, or left to differ. */
export interface Carried extends Content {
  /** True for each of the portal's entries that we wrote ourselves; only those may be changed or removed. */
  readonly wrote: { readonly phone: boolean; readonly email: boolean };
}

export interface Known {
  readonly ours: Content;
  /** Null: never carried. */
  readonly carried: Carried | null;
  /** Null: never looked at. */
  readonly seen: Theirs | null;
}

/** The company's choice for edits in the portal: `take` imports them into our lead, `keep` leaves both sides as they are. */
export type Edits = 'take' | 'keep';

/** The phone is what a lead is known by: it is never taken from there. */
export type Taken = TextField | 'email';

export interface Merged {
  /** News of ours. */
  readonly send: readonly (keyof Content)[];
  /** News of theirs, to be taken in. */
  readonly take: Readonly<Partial<Record<Taken, string>>>;
  /** The state of both sides after `take` was applied and before `send`. */
  readonly afterTaking: { readonly carried: Carried; readonly seen: Theirs };
  /** The state of both sides after `send` and before `take`; `written`: the item as it is now. */
  afterSending(written: Theirs): { readonly carried: Carried; readonly seen: Theirs };
}

export function merge(known: Known, theirs: Theirs, edits: Edits): Merged {
  const { ours } = known;
  const carried = known.carried === null ? firstCarried(ours, theirs) : { ...NONE, ...known.carried };
  const seen = known.seen ?? (known.carried === null ? firstSeen(ours, theirs) : seenOf(known.carried));
  const take: Partial<Record<Taken, string>> = {};
  const send: (keyof Content)[] = [];
  for (const unit of UNITS) {
    if (unit.every((field) => theirs[field] === ours[field])) continue;
    const isTheirs = unit.some((field) => theirs[field] !== undefined && theirs[field] !== (seen[field] ?? ''));
    if (!isTheirs) {
      if (unit.some((field) => ours[field] !== carried[field])) send.push(...unit);
    } else if (edits === 'take') for (const field of unit) take[field] = theirs[field] ?? ours[field];
  }
  const { phones = [], emails } = theirs;
  if (ours.phone !== carried.phone && !hasPhone(phones, ours.phone)) send.push('phone');
  if (emails !== undefined && !has(emails, ours.email)) {
    if (!isEdited(emails, carried.email, seen.emails ?? [])) {
      if (ours.email !== carried.email) send.push('email');
    } else if (edits === 'take') take.email = emails[0] ?? '';
  }
  return {
    send,
    take,
    afterTaking: {
      carried: carriedAs({ ...ours, ...take, ...only(carried, send) }, carried, []),
      seen: { ...seen, ...theirs },
    },
    afterSending: (written) => ({
      carried: carriedAs({ ...ours, ...only(carried, Object.keys(take)) }, carried, send),
      seen: { ...seen, ...written, ...unseen(seen, Object.keys(take)) },
    }),
  };
}

function only(content: Content, fields: readonly string[]): Partial<Content> {
  return Object.fromEntries(Object.entries(content).filter(([field]) => fields.includes(field)));
}

/** News that was not taken in stays news. */
function unseen(seen: Theirs, fields: readonly string[]): Theirs {
  const texts = TEXTS.filter((field) => fields.includes(field)).map((field) => [field, seen[field] ?? '']);
  return { ...Object.fromEntries(texts), ...(fields.includes('email') && { emails: seen.emails ?? [] }) };
}

/** An entry that has another value than the one we wrote is not ours any more. */
function carriedAs(content: Content, before: Carried, sent: readonly string[]): Carried {
  const wrote = (field: 'phone' | 'email') =>
    sent.includes(field) ? content[field] !== '' : before.wrote[field] && content[field] === before[field];
  return { ...content, wrote: { phone: wrote('phone'), email: wrote('email') } };
}

/** As the portal has it once we added it. */
export function addedAs(content: Content): Carried {
  return { ...content, wrote: { phone: true, email: content.email !== '' } };
}

/** The item as it looks if nobody has touched what we carried. */
export function seenOf(content: Content): Theirs {
  const { phone, email } = content;
  return { ...only(content, TEXTS), phones: [phone], emails: email === '' ? [] : [email] };
}

/** Links of a release before this one carried no family name. */
const NONE = { familyName: '' };

/** An item that people made, and we meet: what is empty on one side comes from the other, and where both have something it stays. */
function firstCarried(ours: Content, theirs: Theirs): Carried {
  const texts = unitsOf((unit) => (isEmpty(theirs, unit) ? {} : ours));
  return {
    ...texts,
    phone: hasPhone(theirs.phones ?? [], ours.phone) ? ours.phone : '',
    email: hasEmail(theirs.emails ?? [], ours.email) ? ours.email : '', // another address stands beside theirs
    wrote: { phone: false, email: false },
  };
}

function firstSeen(ours: Content, theirs: Theirs): Theirs {
  const texts = unitsOf((unit) => (isEmpty(ours, unit) ? {} : theirs));
  return { ...texts, ...(ours.email === '' ? {} : { emails: theirs.emails ?? [] }) };
}

type Texts = Readonly<Partial<Record<TextField, string>>>;

function isEmpty(texts: Texts, unit: readonly TextField[]): boolean {
  return unit.every((field) => !texts[field]);
}

/** Each text from where `side` says for its unit; empty where that has none. */
function unitsOf(side: (unit: readonly TextField[]) => Texts): Record<TextField, string> {
  const texts = UNITS.flatMap((unit) => unit.map((field) => [field, side(unit)[field] ?? '']));
  return Object.fromEntries(texts) as Record<TextField, string>;
}

function has(emails: readonly string[], email: string): boolean {
  return email === '' ? emails.length === 0 : hasEmail(emails, email);
}

/** Somebody changed or removed the address that we carried, or wrote one where there was none. */
function isEdited(emails: readonly string[], carried: string, seen: readonly string[]): boolean {
  if (carried === '') return emails.some((one) => !hasEmail(seen, one));
  return hasEmail(seen, carried) && !hasEmail(emails, carried);
}

/** The item after `fields` of ours were written; used if the portal's answer does not show it. */
export function overlay(theirs: Theirs, ours: Content, fields: readonly (keyof Content)[]): Theirs {
  const texts = TEXTS.filter((field) => fields.includes(field)).map((field) => [field, ours[field]]);
  const beside = (values: readonly string[], value: string) => (value === '' ? values : [...values, value]);
  return {
    ...theirs,
    ...Object.fromEntries(texts),
    ...(fields.includes('phone') && { phones: beside(theirs.phones ?? [], ours.phone) }),
    ...(fields.includes('email') && { emails: beside(theirs.emails ?? [], ours.email) }),
  };
}
