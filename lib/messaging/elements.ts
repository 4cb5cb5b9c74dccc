/** The elements of a change: messages, statuses and preferences, which are independent of each other. */
import { PreferenceEvent } from '../providers/whatsapp/events.ts';
import { readMessage } from '../providers/whatsapp/incoming.ts';
import { personOf } from '../providers/whatsapp/person.ts';
import { readStatus } from '../providers/whatsapp/status.ts';

export interface Element {
  /** The path of the list in the value. */
  readonly list: string;
  readonly value: unknown;
  /** The change's data about its person. */
  readonly contact?: unknown;
  /** It came without a list around it. */
  readonly isLoose?: true;
}

/** The lists of each field that is read element by element. */
const LISTS: Readonly<Record<string, readonly string[]>> = {
  messages: ['messages', 'statuses', 'errors'],
  user_preferences: ['user_preferences'],
};

/** A list that is none counts as one element, so that its neighbours are read. */
export function elementsOf(field: string, value: Record<string, unknown>): Element[] {
  const contacts = contactsByName(value.contacts);
  return (LISTS[field] ?? []).flatMap((list): Element[] => {
    const given = value[list];
    if (given === undefined) return [];
    if (!Array.isArray(given)) return [{ list, value: given, isLoose: true }];
    return given.map((one: unknown) => {
      const contact = namesOf(one)
        .map((name) => contacts.get(name))
        .find((found) => found !== undefined);
      return { list, value: one, ...(contact !== undefined && { contact }) };
    });
  });
}

const NOBODY = new Map<string, never>();

export function isUnderstood({ list, value, isLoose }: Element): boolean {
  if (isLoose) return false;
  switch (list) {
    case 'messages':
      return readMessage(value, NOBODY).kind !== 'strange';
    case 'statuses':
      return readStatus(value).kind !== 'strange';
    case 'user_preferences':
      return readPreference(value) !== null;
    default:
      return true;
  }
}

/** Null if it is not what Meta documents, or names nobody. */
export function readPreference(given: unknown) {
  const event = PreferenceEvent.safeParse(given);
  if (!event.success) return null;
  const person = personOf(event.data.wa_id, event.data.user_id);
  return person === null ? null : { person, stops: event.data.value === 'stop' };
}

function contactsByName(given: unknown): ReadonlyMap<string, unknown> {
  const contacts = new Map<string, unknown>();
  for (const one of Array.isArray(given) ? given : []) for (const name of namesOf(one)) contacts.set(name, one);
  return contacts;
}

const NAMES = ['from', 'from_user_id', 'wa_id', 'user_id', 'recipient_id', 'recipient_user_id'] as const;

function namesOf(given: unknown): string[] {
  if (typeof given !== 'object' || given === null) return [];
  const fields = given as Record<string, unknown>;
  return NAMES.map((name) => fields[name]).filter((name) => typeof name === 'string' && name !== '') as string[];
}
