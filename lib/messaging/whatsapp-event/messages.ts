/** A change of `messages`: what people wrote, what WhatsApp says of them, and how far our own messages are. */

import { continueWith } from '@conversure/jobqueue';
import { type Executor, isRefusal } from '@conversure/jobqueue/postgres';
import type { z } from 'zod';
import { log } from '../../log.ts';
import { errorText, type MessagesValue } from '../../providers/whatsapp/events.ts';
import { type Incoming, readMessage } from '../../providers/whatsapp/incoming.ts';
import { contactsOf } from '../../providers/whatsapp/person.ts';
import { readStatus } from '../../providers/whatsapp/status.ts';
import type { Addressee } from '../company.ts';
import { storeInbound, storeRevocation } from '../inbound.ts';
import { noteOnPerson } from '../notes.ts';
import { asksToResume, asksToStop } from '../opt-out-words.ts';
import { learnUsers, seenIn } from '../people.ts';
import { applyParkedStatuses, applyStatuses } from '../statuses.ts';
import { notUnderstood } from './not-understood.ts';

/** A status whose message is not known yet is looked for again: our own answer may be stored seconds after the webhook. */
const PARKED_AGAIN_MS = [2_000, 10_000, 60_000, 600_000];

type Understood = Exclude<Incoming, { kind: 'ignored' | 'strange' }>;

/** Applies all that is understood before it throws for what is not. */
export async function applyMessages(
  executor: Executor,
  company: Addressee,
  { contacts, messages = [], statuses = [], errors = [] }: z.output<typeof MessagesValue>,
  { repairs, state }: { repairs: number; state: unknown },
): Promise<unknown> {
  const { companyId } = company;
  const look = lookOf(state);
  if (look > 0) return waitForParked(executor, companyId, look);
  const elements = messages.length + statuses.length + errors.length;
  if (elements === 0) throw notUnderstood(['expected messages, statuses or errors, got none of them'], 1);
  if (errors.length > 0) log.warn({ companyId, code: errors[0]?.code, reason: errorText(errors) }, 'whatsapp_error');

  const people = contactsOf(contacts);
  const incoming = messages.map((message) => readMessage(message, people));
  const told = statuses.map(readStatus);
  const phoneOfUser = await learnUsers(executor, companyId, seenIn(incoming, told));

  const strange = [...incoming, ...told].flatMap((one) => (one.kind === 'strange' ? [one.why] : []));
  const ignored: Record<string, number> = {};
  for (const one of [...incoming, ...told])
    if (one.kind === 'ignored') ignored[one.type] = (ignored[one.type] ?? 0) + 1;
  const counts = { said: 0, noted: 0, revoked: 0 };
  for (const one of incoming) {
    if (one.kind === 'ignored' || one.kind === 'strange') continue;
    const isNew = await applyOne(executor, company, one, phoneOfUser).catch((error: unknown) => {
      if (!isUnstorable(error)) throw error;
      strange.push(`the database refused a message: ${error.message}`);
      return false;
    });
    if (isNew) counts[one.kind]++;
  }
  const events = told.flatMap((one) => (one.kind === 'status' ? [one.event] : []));
  const parked = events.length > 0 ? await applyStatuses(executor, companyId, events) : 0;
  if (strange.length > 0) throw notUnderstood(strange, elements);
  if (parked > 0) return continueWith({ look: 1 }, { delayMs: PARKED_AGAIN_MS[0] as number });
  return {
    messages: messages.length,
    stored: counts.said,
    statuses: events.length,
    parked,
    ...(counts.noted > 0 && { noted: counts.noted }),
    ...(counts.revoked > 0 && { revoked: counts.revoked }),
    ...(Object.keys(ignored).length > 0 && { ignored }),
    ...(repairs > 0 && { repairs }),
  };
}

/** Answers whether it was new. */
function applyOne(
  executor: Executor,
  { companyId, optOutKeywords }: Addressee,
  message: Understood,
  phoneOfUser: ReadonlyMap<string, string>,
): Promise<boolean> {
  switch (message.kind) {
    case 'said': {
      const { person, wamid, atMs, type, text, replyTo } = message;
      const isOptOut = asksToStop(message, optOutKeywords);
      return storeInbound(executor, {
        companyId,
        phone: person.phone ?? phoneOfUser.get(person.userId ?? '') ?? null,
        userId: person.userId,
        wamid,
        atMs,
        kind: type,
        text,
        replyTo,
        isOptOut,
        isOptIn: !isOptOut && asksToResume(message),
        wantsReply: text !== null,
      });
    }
    case 'noted':
      return noteOnPerson(executor, companyId, message, phoneOfUser);
    case 'revoked':
      return storeRevocation(executor, { companyId, original: message.original });
  }
}

async function waitForParked(executor: Executor, companyId: string, look: number): Promise<unknown> {
  const waiting = await applyParkedStatuses(executor, companyId);
  const delayMs = PARKED_AGAIN_MS[look];
  return waiting > 0 && delayMs !== undefined ? continueWith({ look: look + 1 }, { delayMs }) : { waiting };
}

/** Data exceptions and violated constraints: the value itself is at fault, so another try would end the same way. */
function isUnstorable(error: unknown): error is Error {
  return isRefusal(error) && /^2[23]/.test(error.code);
}

function lookOf(state: unknown): number {
  return typeof state === 'object' && state !== null && 'look' in state && typeof state.look === 'number'
    ? state.look
    : 0;
}
