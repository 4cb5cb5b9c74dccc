/**
 * Makes jobs of the body of a webhook: one for each change, split where one job could not hold it. Meta repeats a refused webhook
 * for seven days with everything in it, so nothing in a body may cost its neighbours: each element that cannot be stored is
 * mended, and each that is not understood becomes a job of its own, which ends as a dead letter.
 */
import { createHash } from 'node:crypto';
import { HttpError } from '../http/errors.ts';
import { WebhookBody, WebhookChange, WebhookEntry } from '../providers/whatsapp/events.ts';
import { type Element, elementsOf, isUnderstood } from './elements.ts';
import { repaired } from './repaired.ts';

export interface Piece {
  readonly payload: EventPayload;
  /** Derived from the content: the same piece sent twice is one job. */
  readonly key: string;
}

export interface EventPayload {
  readonly accountId: string;
  readonly field: string;
  readonly value: Record<string, unknown>;
  /** The number of values that Postgres could not store as they came. */
  readonly repairs?: number | undefined;
  /** JSON that no job could carry as a value, as far as it fits. */
  readonly unread?: Unread | undefined;
}

export interface Unread {
  readonly why: string;
  readonly bytes: number;
  readonly json: string;
}

/** A job's payload takes 256 KiB; JSON that is stored anew may be somewhat longer. */
const PIECE_BYTES = 128 * 1024;
/** The part of too large JSON that a dead letter shows. */
const UNREAD_CHARS = 32 * 1024;
/** The fields that each piece of a change repeats. */
const HEAD_BYTES = 4 * 1024;
/** As many strangers get a job each; Meta sends at most 1,000 elements. Beyond that they share jobs. */
const LONE_STRANGERS = 1_000;

/** Throws 400 for what is no webhook. */
export function piecesOf(body: Uint8Array): Piece[] {
  const parsed = WebhookBody.safeParse(json(body));
  if (!parsed.success)
    throw new HttpError(400, 'request_invalid', 'The body is not a webhook of a WhatsApp business account.');
  return parsed.data.entry.flatMap(ofEntry).map((payload) => ({
    payload,
    key: createHash('sha256').update(JSON.stringify(payload)).digest('base64url'),
  }));
}

/** As many pieces at once as one enqueue takes: 10,000 jobs and 8 MiB. */
export function batchesOf(pieces: readonly Piece[]): Piece[][] {
  return packed(pieces, ({ payload }) => bytesOf(payload), { bytes: 4 * 1024 * 1024, count: 1_000 });
}

function ofEntry(given: unknown): EventPayload[] {
  const entry = WebhookEntry.safeParse(given);
  if (!entry.success) return [unread({ accountId: '', field: 'entry' }, 'expected an entry with changes', given)];
  const { id, changes } = entry.data;
  const accountId = repaired(id.slice(0, 100)).value;
  return changes.flatMap((one) => {
    const change = WebhookChange.safeParse(one);
    if (!change.success) return [unread({ accountId, field: 'change' }, 'expected a change with field and value', one)];
    return ofChange(accountId, repaired(change.data.field).value, change.data.value);
  });
}

interface Source {
  readonly accountId: string;
  readonly field: string;
}

function ofChange(accountId: string, field: string, given: Record<string, unknown>): EventPayload[] {
  const source = { accountId, field };
  const { value, repairs } = repaired(given);
  const noted = repairs > 0 ? { repairs } : {};
  const elements = elementsOf(field, value);
  const good: Element[] = [];
  const strangers: Element[] = [];
  for (const element of elements) (isUnderstood(element) ? good : strangers).push(element);
  const isSmall = bytesOf(value) <= PIECE_BYTES;
  if (isSmall && (strangers.length === 0 || elements.length === 1)) return [{ ...source, value, ...noted }];
  if (elements.length === 0) return [unread(source, tooLarge(value), given)];

  const { messaging_product, metadata } = value;
  const head = { messaging_product, metadata };
  if (bytesOf(head) > HEAD_BYTES) return [unread(source, 'expected a smaller head of the change', given)];
  const ofElements = (pack: readonly Element[]): EventPayload => {
    const [only] = pack;
    if (pack.length === 1 && only && bytesOf(only) > PIECE_BYTES)
      return unread(source, tooLarge(only.value), only.value);
    return { ...source, value: { ...head, ...listsOf(pack) }, ...noted };
  };
  const most = strangers.length > LONE_STRANGERS ? LONE_STRANGERS : 1;
  return [
    ...packed(good, bytesOf, { bytes: PIECE_BYTES, count: elements.length }).map(ofElements),
    ...packed(strangers, bytesOf, { bytes: PIECE_BYTES, count: most }).map(ofElements),
  ];
}

/** The elements under the names of their lists again, with the contacts that they are about. */
function listsOf(pack: readonly Element[]): Record<string, unknown> {
  const lists: Record<string, unknown[]> = {};
  const contacts = new Set<unknown>();
  for (const { list, value, contact } of pack) {
    lists[list] ??= [];
    lists[list].push(value);
    if (contact !== undefined) contacts.add(contact);
  }
  return contacts.size > 0 ? { contacts: [...contacts], ...lists } : lists;
}

function packed<T>(all: readonly T[], sizeOf: (one: T) => number, most: { bytes: number; count: number }): T[][] {
  const packs: T[][] = [];
  let room = 0;
  for (const one of all) {
    const size = sizeOf(one);
    const last = packs.at(-1);
    if (last === undefined || size > room || last.length >= most.count) {
      packs.push([one]);
      room = most.bytes - size;
    } else {
      last.push(one);
      room -= size;
    }
  }
  return packs;
}

function unread(source: Source, why: string, given: unknown): EventPayload {
  const text = JSON.stringify(repaired(given).value);
  const shown = text.slice(0, UNREAD_CHARS).toWellFormed();
  return { ...source, value: {}, unread: { why, bytes: Buffer.byteLength(text), json: shown } };
}

const tooLarge = (value: unknown) => `expected at most ${PIECE_BYTES} bytes, got ${bytesOf(value)}`;

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** Undefined for what is no JSON. Bytes that are no UTF-8 become U+FFFD. */
function json(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined; // signed, and yet no JSON: refused like any other stranger's body
  }
}
