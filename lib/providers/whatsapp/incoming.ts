/** One message of a webhook, as this product understands it. Pure: what is not understood is said, never guessed. */
import { z } from 'zod';
import { timestamp, wamid } from './events.ts';
import { type Contacts, completed, type Person, personOf } from './person.ts';

interface Envelope {
  readonly wamid: string;
  readonly atMs: number;
}

export type Incoming =
  | (Envelope & {
      readonly kind: 'said';
      readonly person: Person;
      /** Meta's name of the kind of message. */
      readonly type: string;
      /** Null of a message without text. */
      readonly text: string | null;
      /** The payload of a tapped button. */
      readonly chosenId: string | null;
      readonly isChoice: boolean;
      /** Meta's id of the message that it answers or edits. */
      readonly replyTo: string | null;
    })
  /** WhatsApp says something about the person, who said nothing. `was` and `is` are the same unless the person is known otherwise now. */
  | (Envelope & { readonly kind: 'noted'; readonly type: string; readonly was: Person; readonly is: Person })
  /** The person took a message back. */
  | (Envelope & { readonly kind: 'revoked'; readonly original: string })
  /** Known, and of no use here. */
  | { readonly kind: 'ignored'; readonly type: string }
  | { readonly kind: 'strange'; readonly why: string };

const Message = z.object({ id: wamid, timestamp, type: z.string().max(50) });

const Content = {
  text: z.object({ body: z.string() }),
  media: z.object({ caption: z.string().nullish() }).optional(),
  button: z.object({ text: z.string(), payload: z.string().nullish() }),
  reply: z.object({ title: z.string(), id: z.string().nullish() }),
  interactive: z.object({ type: z.string().optional() }).catchall(z.unknown()),
  edit: z.object({
    original_message_id: wamid,
    message: z.object({ type: z.string() }).catchall(z.unknown()),
  }),
  revoke: z.object({ original_message_id: wamid }),
  system: z.object({
    type: z.string(),
    wa_id: z.unknown().optional(),
    new_wa_id: z.unknown().optional(),
    user_id: z.unknown().optional(),
    previous_user_id: z.unknown().optional(),
  }),
} as const;

/** Kinds that somebody sent, without text that could be read. */
const WITHOUT_TEXT: ReadonlySet<string> = new Set([
  'audio',
  'sticker',
  'location',
  'contacts',
  'order',
  'unsupported', // Cloud API cannot say what: a poll, a view-once picture
  'unknown',
]);
/** The chat was opened, or a message got a symbol: nobody wrote anything. */
const IGNORED: ReadonlySet<string> = new Set(['reaction', 'request_welcome']);
const REPLIES_WITHOUT_TEXT: ReadonlySet<string> = new Set(['nfm_reply', 'call_permission_reply', 'product']);
const NUMBER_CHANGES: ReadonlySet<string> = new Set([
  'user_changed_number',
  'customer_changed_number',
  'user_changed_user_id',
]);
const IDENTITY_CHANGES: ReadonlySet<string> = new Set(['customer_identity_changed', 'user_identity_changed']);

interface Words {
  readonly text: string | null;
  readonly chosenId: string | null;
  readonly isChoice: boolean;
}

export function readMessage(given: unknown, contacts: Contacts): Incoming {
  const message = Message.safeParse(given);
  if (!message.success) return strange(message.error);
  const { id, timestamp: seconds, type } = message.data;
  const fields = given as Record<string, unknown>;
  if (IGNORED.has(type)) return { kind: 'ignored', type };
  if (fields.group_id !== undefined)
    return { kind: 'strange', why: 'expected a message to the business, got one to a group' };
  const envelope = { wamid: id, atMs: Number(seconds) * 1000 };
  const sender = personOf(fields.from, fields.from_user_id);
  if (type === 'system') return readSystem(fields, sender, envelope);
  if (type === 'revoke') {
    const revoke = Content.revoke.safeParse(fields.revoke);
    if (!revoke.success) return strange(revoke.error, 'revoke');
    return { kind: 'revoked', ...envelope, original: revoke.data.original_message_id };
  }
  if (sender === null) return { kind: 'strange', why: "expected a sender in 'from' or 'from_user_id', got none" };
  const edit = type === 'edit' ? Content.edit.safeParse(fields.edit) : null;
  if (edit?.success === false) return strange(edit.error, 'edit');
  const words = edit === null ? wordsOf(type, fields) : wordsOf(edit.data.message.type, edit.data.message);
  if ('kind' in words) return words;
  const person = completed(sender, contacts);
  const replyTo = edit?.data.original_message_id ?? contextOf(fields.context);
  return { kind: 'said', ...envelope, person, type, ...words, text: words.text?.trim() ? words.text : null, replyTo };
}

function wordsOf(type: string, fields: Record<string, unknown>): Words | Extract<Incoming, { kind: 'strange' }> {
  switch (type) {
    case 'text': {
      const text = Content.text.safeParse(fields.text);
      return text.success ? typed(text.data.body) : strange(text.error, 'text');
    }
    case 'image':
    case 'video':
    case 'document': {
      const media = Content.media.safeParse(fields[type]);
      return media.success ? typed(media.data?.caption ?? null) : strange(media.error, type);
    }
    case 'button': {
      const button = Content.button.safeParse(fields.button);
      if (!button.success) return strange(button.error, 'button');
      return { text: button.data.text, chosenId: button.data.payload ?? null, isChoice: true };
    }
    case 'interactive': {
      const interactive = Content.interactive.safeParse(fields.interactive);
      if (!interactive.success) return strange(interactive.error, 'interactive');
      const kind = interactive.data.type ?? Object.keys(interactive.data)[0] ?? '';
      if (REPLIES_WITHOUT_TEXT.has(kind)) return typed(null);
      if (kind !== 'button_reply' && kind !== 'list_reply')
        return { kind: 'strange', why: `expected a kind of reply that is known, got '${kind.slice(0, 50)}'` };
      const reply = Content.reply.safeParse(interactive.data[kind]);
      if (!reply.success) return strange(reply.error, `interactive.${kind}`);
      return { text: reply.data.title, chosenId: reply.data.id ?? null, isChoice: true };
    }
    default:
      if (WITHOUT_TEXT.has(type)) return typed(null);
      return { kind: 'strange', why: `expected a kind of message that is known, got '${type.slice(0, 50)}'` };
  }
}

const typed = (text: string | null): Words => ({ text, chosenId: null, isChoice: false });

function readSystem(fields: Record<string, unknown>, sender: Person | null, envelope: Envelope): Incoming {
  const system = Content.system.safeParse(fields.system);
  if (!system.success) return strange(system.error, 'system');
  const { type, wa_id: waId, new_wa_id: newWaId, user_id: userId, previous_user_id: previous } = system.data;
  if (IDENTITY_CHANGES.has(type)) {
    const person = sender ?? personOf(waId, userId);
    if (person !== null) return { kind: 'noted', ...envelope, type, was: person, is: person };
  }
  if (NUMBER_CHANGES.has(type)) {
    // `from_user_id` may be the old id or the new one; only `previous_user_id` says which.
    const was = personOf(fields.from, previous ?? (userId === undefined ? fields.from_user_id : undefined));
    const is = personOf(waId ?? newWaId, userId);
    if (was !== null && is !== null) return { kind: 'noted', ...envelope, type, was, is };
    return { kind: 'strange', why: `expected the old and the new name of a person in '${type}'` };
  }
  return { kind: 'strange', why: `expected a system message that is known, got '${type.slice(0, 50)}'` };
}

const Context = z.object({ id: wamid });

function contextOf(given: unknown): string | null {
  const context = Context.safeParse(given);
  return context.success ? context.data.id : null;
}

function strange(error: z.ZodError, at = ''): Extract<Incoming, { kind: 'strange' }> {
  const [issue] = error.issues;
  const where = [at, ...(issue?.path ?? []).map(String)].filter((part) => part !== '').join('.');
  return { kind: 'strange', why: `expected what Meta documents at '${where}': ${issue?.message}` };
}
