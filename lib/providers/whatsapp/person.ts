/** Identifies a person in a webhook. Meta names people by number, by business-scoped user id, or by both. */
import { z } from 'zod';
import { isStorablePhone, phoneOfWaId } from '../../phone/index.ts';

/** At least one of number and id is known. */
export interface Person {
  /** E.164. */
  readonly phone: string | null;
  /** As in US.13491208655302741918: other businesses know the person by another one. */
  readonly userId: string | null;
  readonly username: string | null;
}

/** A country, perhaps ENT for an id that several portfolios share, and up to 128 characters. */
export const USER_ID = /^[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}$/;

/** The digits of an E.164 number, as WhatsApp writes them. */
const WaId = z
  .string()
  .refine((digits) => isStorablePhone(`+${digits}`))
  .nullable()
  .catch(null);
const UserId = z.string().regex(USER_ID).nullable().catch(null);

/** The number and the id in two fields of Meta's, of which either may be absent, empty, or hold the other. */
export function personOf(waId: unknown, userId: unknown, username: string | null = null): Person | null {
  const named = [waId, userId];
  const digits = named.map((given) => WaId.parse(given)).find((given) => given !== null) ?? null;
  const id = named.map((given) => UserId.parse(given)).find((given) => given !== null) ?? null;
  if (digits === null && id === null) return null;
  return { phone: digits === null ? null : phoneOfWaId(digits), userId: id, username };
}

const Contact = z.object({
  wa_id: z.unknown().optional(),
  user_id: z.unknown().optional(),
  profile: z
    .object({ username: z.string().min(1).max(100).optional().catch(undefined) })
    .optional()
    .catch(undefined),
});

/** Finds what `contacts` of a change say of a person, whatever their order. */
export type Contacts = ReadonlyMap<string, Person>;

export function contactsOf(given: unknown): Contacts {
  const people = new Map<string, Person>();
  if (!Array.isArray(given)) return people;
  for (const one of given) {
    const contact = Contact.safeParse(one);
    if (!contact.success) continue;
    const { wa_id: waId, user_id: userId, profile } = contact.data;
    const person = personOf(waId, userId, profile?.username ?? null);
    if (person?.phone) people.set(person.phone, person);
    if (person?.userId) people.set(person.userId, person);
  }
  return people;
}

/** The person of a message with what the contacts of its change add. */
export function completed(person: Person, contacts: Contacts): Person {
  const { phone, userId } = person;
  const known = contacts.get(phone ?? '') ?? contacts.get(userId ?? '');
  return {
    phone: phone ?? known?.phone ?? null,
    userId: userId ?? known?.userId ?? null,
    username: known?.username ?? null,
  };
}
