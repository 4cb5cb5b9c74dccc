/** A lead as the portal knows it, and back. Pure. */

import { isJobId, storableText } from '@conversure/jobqueue';
import type { Country } from '../phone/index.ts';
import { isSame, Multifield, multifieldChanges, newMultifields } from '../providers/bitrix24.ts';
import { partsOf } from './person-name.ts';
import { phoneOr } from './phones.ts';

export interface Lead {
  readonly id: string;
  readonly phone: string;
  readonly name: string | null;
  readonly givenName: string | null;
  readonly familyName: string | null;
  readonly email: string | null;
  readonly source: string | null;
  readonly organisation: string | null;
  readonly notes: string | null;
}

/** Marks our leads in the portal: together with `originId` it identifies one lead. */
export const ORIGINATOR = 'conversure';

export function originOf(leadId: string): string {
  return `lead:${leadId}`;
}

/** The lead that an origin id names, or null. */
export function leadOf(originId: unknown): string | null {
  return typeof originId === 'string' ? (/^lead:(\d{1,19})$/.exec(originId)?.[1] ?? null) : null;
}

/** Our names of the texts, and those of `crm.item`. `name` is the given name, or all of a name whose parts are not known. */
export const NAMES = {
  name: 'name',
  familyName: 'lastName',
  organisation: 'companyTitle',
  source: 'sourceDescription',
  notes: 'comments',
} as const;
export type TextField = keyof typeof NAMES;
export const TEXTS = Object.keys(NAMES) as readonly TextField[];
/** Compared, sent and taken as one: half of a person's name beside half of another would be nobody's. */
export const UNITS: readonly (readonly TextField[])[] = [
  ['name', 'familyName'],
  ...TEXTS.filter((field) => field !== 'name' && field !== 'familyName').map((field) => [field]),
];

/** The fields of a lead that both sides may change. An empty text and a missing one are equal. */
export type Content = Readonly<Record<TextField | 'phone' | 'email', string>>;

/** An item's values as far as the portal reported them: a missing field is not an empty one. */
export interface Theirs extends Readonly<Partial<Record<TextField, string>>> {
  /** In E.164 where they can be read, else as they were typed. */
  readonly phones?: readonly string[];
  readonly emails?: readonly string[];
}

export function contentOf(lead: Omit<Lead, 'id'>): Content {
  return {
    ...partsOf(lead),
    organisation: lead.organisation ?? '',
    source: lead.source ?? '',
    notes: lead.notes ?? '',
    phone: lead.phone,
    email: lead.email ?? '',
  };
}

export type Item = Readonly<Record<string, unknown>>;

/** The last change of the item, in the portal's words; empty if it does not say. No time is longer. */
export function changedAt({ updatedTime }: Item): string {
  return typeof updatedTime === 'string' ? storableText(updatedTime, 60) : '';
}

/** An id of the portal, as text; null for what is none, so that one odd answer never spoils a statement about many. */
export function idOf(value: unknown): string | null {
  const id = typeof value === 'number' ? String(value) : value;
  return typeof id === 'string' && isJobId(id) ? id : null;
}

/** Longer than any field of the portal: 10,000 characters of any script. */
const TEXT_BYTES = 40_000;

export function theirsOf(item: Item, country: Country): Theirs {
  const texts = TEXTS.flatMap((field) => {
    const value = item[NAMES[field]];
    if (value === undefined) return [];
    return [[field, typeof value === 'string' ? storableText(value.trim(), TEXT_BYTES) : '']];
  });
  return {
    ...(Object.fromEntries(texts) as Partial<Record<TextField, string>>),
    ...(item.fm !== undefined && {
      phones: valuesOf(item, 'PHONE').map((one) => phoneOr(one, country)),
      emails: valuesOf(item, 'EMAIL'),
    }),
  };
}

/** As they were typed, made storable. */
export function valuesOf(item: Item, kind: 'PHONE' | 'EMAIL'): string[] {
  return multifieldsOf(item).flatMap(({ typeId, value }) =>
    typeId === kind && value.trim() !== '' ? [storableText(value.trim(), TEXT_BYTES)] : [],
  );
}

export function multifieldsOf({ fm }: Item): readonly Multifield[] {
  // PHP writes a map whose keys are not 0, 1, 2 … as an object.
  const entries = typeof fm === 'object' && fm !== null ? Object.values(fm) : [];
  return entries.flatMap((one) => Multifield.safeParse(one).data ?? []);
}

export function hasPhone(phones: readonly string[], phone: string): boolean {
  return phones.some((one) => isSame('PHONE', one, phone));
}

export function hasEmail(emails: readonly string[], email: string): boolean {
  return emails.some((one) => isSame('EMAIL', one, email));
}

/** The fields of a lead that the portal does not have. */
export function newFields(lead: Pick<Lead, 'id' | 'name'>, content: Content): Record<string, unknown> {
  return {
    title: lead.name || content.phone,
    ...Object.fromEntries(TEXTS.map((field) => [NAMES[field], content[field]])),
    originatorId: ORIGINATOR,
    originId: originOf(lead.id),
    fm: newMultifields([
      { typeId: 'PHONE', value: content.phone },
      { typeId: 'EMAIL', value: content.email || null },
    ]),
  };
}

/** The number and address that we wrote before; null: the portal has no entry of ours. */
export interface Written {
  readonly phone: string | null;
  readonly email: string | null;
}

interface Change {
  readonly leadId: string;
  readonly content: Content;
  readonly fields: readonly string[];
  /** The entries that are ours to change or remove. */
  readonly was: Written;
  readonly country: Country;
}

/** The part of `fields` that an update has to write; null if nothing. */
export function changedFields(
  item: Item,
  { leadId, content, fields, was, country }: Change,
): Record<string, unknown> | null {
  const texts = TEXTS.filter((field) => fields.includes(field)).map((field) => [NAMES[field], content[field]]);
  // One that people typed otherwise is the same number: a second entry of it would be one too many.
  const has = multifieldsOf(item).map((one) =>
    one.typeId === 'PHONE' ? { ...one, value: phoneOr(one.value, country) } : one,
  );
  const fm = multifieldChanges(has, [
    ...(fields.includes('phone') ? [{ typeId: 'PHONE' as const, was: was.phone, value: content.phone }] : []),
    ...(fields.includes('email') ? [{ typeId: 'EMAIL' as const, was: was.email, value: content.email || null }] : []),
  ]);
  // An item that has an origin of somebody else's is known there by that: it keeps it.
  const isUnnamed = item.originId === undefined || item.originId === null || item.originId === '';
  const changes = {
    ...Object.fromEntries(texts),
    ...(fm && { fm }),
    ...(isUnnamed && { originatorId: ORIGINATOR, originId: originOf(leadId) }),
  };
  return Object.keys(changes).length === 0 ? null : changes;
}
